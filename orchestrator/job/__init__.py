"""One job: its inputs, its builds and its judgement."""
