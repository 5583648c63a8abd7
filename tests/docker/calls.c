/* Calls what the clock's shim stands in for; each check prints its name and "ok", or why not. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define WAIT 100000000 /* nanoseconds */

static int failures;

static void tell(const char *name, int good, long long seen)
{
    printf(good ? "%s ok\n" : "%s failed: %lld\n", name, seen);
    failures += !good;
}

static double monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static struct timespec soon(clockid_t clock)
{
    struct timespec until;
    clock_gettime(clock, &until);
    until.tv_nsec += WAIT;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return until;
}

/* A wait has to end by its own time-out: not at once, and not after the shift. */
#define WAITS(name, call, expected)                                                               \
    do {                                                                                          \
        double began = monotonic();                                                               \
        int result = call;                                                                        \
        double took = monotonic() - began;                                                        \
        tell(name, result == (expected) && took > 0.05 && took < 10, result * 1000000LL + (int) (took * 1000)); \
    } while (0)

static pthread_mutex_t taken = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t written = PTHREAD_RWLOCK_INITIALIZER;
static mtx_t simple;

static void *lock_all(void *none)
{
    pthread_mutex_lock(&taken);
    pthread_rwlock_wrlock(&written);
    mtx_lock(&simple);
    return none;
}

static void conditions(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t real = PTHREAD_COND_INITIALIZER, steady;
    pthread_condattr_t attributes;
    struct timespec until = soon(CLOCK_REALTIME);
    cnd_t plain;
    mtx_t guard;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&steady, &attributes);
    pthread_mutex_lock(&mutex);
    WAITS("pthread_cond_timedwait", pthread_cond_timedwait(&real, &mutex, &until), ETIMEDOUT);
    until = soon(CLOCK_MONOTONIC);
    WAITS("pthread_cond_timedwait-monotonic", pthread_cond_timedwait(&steady, &mutex, &until), ETIMEDOUT);
    until = soon(CLOCK_REALTIME);
    WAITS("pthread_cond_clockwait", pthread_cond_clockwait(&real, &mutex, CLOCK_REALTIME, &until), ETIMEDOUT);
    until = soon(CLOCK_MONOTONIC);
    WAITS("pthread_cond_clockwait-monotonic", pthread_cond_clockwait(&real, &mutex, CLOCK_MONOTONIC, &until), ETIMEDOUT);
    cnd_init(&plain);
    mtx_init(&guard, mtx_plain);
    mtx_lock(&guard);
    until = soon(CLOCK_REALTIME);
    WAITS("cnd_timedwait", cnd_timedwait(&plain, &guard, &until), thrd_timedout);
}

static void locks(void)
{
    pthread_t other;
    struct timespec until;

    mtx_init(&simple, mtx_timed);
    pthread_create(&other, NULL, lock_all, NULL);
    pthread_join(other, NULL);
    until = soon(CLOCK_REALTIME);
    WAITS("pthread_mutex_timedlock", pthread_mutex_timedlock(&taken, &until), ETIMEDOUT);
    until = soon(CLOCK_REALTIME);
    WAITS("pthread_mutex_clocklock", pthread_mutex_clocklock(&taken, CLOCK_REALTIME, &until), ETIMEDOUT);
    until = soon(CLOCK_REALTIME);
    WAITS("mtx_timedlock", mtx_timedlock(&simple, &until), thrd_timedout);
    until = soon(CLOCK_REALTIME);
    WAITS("pthread_rwlock_timedrdlock", pthread_rwlock_timedrdlock(&written, &until), ETIMEDOUT);
    until = soon(CLOCK_REALTIME);
    WAITS("pthread_rwlock_timedwrlock", pthread_rwlock_timedwrlock(&written, &until), ETIMEDOUT);
    until = soon(CLOCK_REALTIME);
    WAITS("pthread_rwlock_clockrdlock", pthread_rwlock_clockrdlock(&written, CLOCK_REALTIME, &until), ETIMEDOUT);
    until = soon(CLOCK_REALTIME);
    WAITS("pthread_rwlock_clockwrlock", pthread_rwlock_clockwrlock(&written, CLOCK_REALTIME, &until), ETIMEDOUT);
}

static void semaphores(void)
{
    sem_t semaphore;
    struct timespec until = soon(CLOCK_REALTIME);

    sem_init(&semaphore, 0, 0);
    WAITS("sem_timedwait", sem_timedwait(&semaphore, &until) ? errno : 0, ETIMEDOUT);
    until = soon(CLOCK_REALTIME);
    WAITS("sem_clockwait", sem_clockwait(&semaphore, CLOCK_REALTIME, &until) ? errno : 0, ETIMEDOUT);
}

static void timers(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct timespec until = soon(CLOCK_REALTIME), patience = {20, 0};
    struct itimerspec once = {.it_value = until};
    uint64_t rings;
    sigset_t signals;
    timer_t timer;
    int fd = timerfd_create(CLOCK_REALTIME, 0);

    WAITS("clock_nanosleep", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL), 0);
    until = (struct timespec) {0, WAIT};
    WAITS("clock_nanosleep-relative", clock_nanosleep(CLOCK_REALTIME, 0, &until, NULL), 0);
    once.it_value = soon(CLOCK_REALTIME);
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &once, NULL);
    WAITS("timerfd_settime", (int) read(fd, &rings, sizeof rings), (int) sizeof rings);
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    timer_create(CLOCK_REALTIME, &event, &timer);
    once.it_value = soon(CLOCK_REALTIME);
    timer_settime(timer, TIMER_ABSTIME, &once, NULL);
    WAITS("timer_settime", sigtimedwait(&signals, NULL, &patience), SIGUSR1);
}

int old_xstat(int version, const char *path, struct stat *buffer);
__asm__(".symver old_xstat, __xstat@GLIBC_2.2.5");

#define NEAR(name, seconds) tell(name, (seconds) >= now - 60 && (seconds) <= now + 60, (seconds))

static void clocks_and_files(long long offset)
{
    struct timespec real, precise;
    struct timeval coarse;
    struct statx extended;
    struct stat64 large;
    struct stat plain;
    long long now;
    int fd = open("new", O_CREAT | O_WRONLY, 0600);

    syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
    now = real.tv_sec + offset;
    NEAR("time", time(NULL));
    gettimeofday(&coarse, NULL);
    NEAR("gettimeofday", coarse.tv_sec);
    timespec_get(&precise, TIME_UTC);
    NEAR("timespec_get", precise.tv_sec);
    clock_gettime(CLOCK_REALTIME_COARSE, &precise);
    NEAR("clock_gettime-coarse", precise.tv_sec);
    errno = 0;
    stat("new", &plain);
    NEAR("stat", plain.st_mtim.tv_sec);
    lstat("new", &plain);
    NEAR("lstat", plain.st_ctim.tv_sec);
    fstat(fd, &plain);
    NEAR("fstat", plain.st_atim.tv_sec);
    fstatat(AT_FDCWD, "new", &plain, 0);
    NEAR("fstatat", plain.st_mtim.tv_sec);
    stat64("new", &large);
    NEAR("stat64", large.st_mtim.tv_sec);
    old_xstat(1, "new", &plain);
    NEAR("__xstat", plain.st_mtim.tv_sec);
    statx(AT_FDCWD, "new", 0, STATX_BASIC_STATS, &extended);
    NEAR("statx", extended.stx_mtime.tv_sec);
    tell("errno-untouched", errno == 0, errno);
    stat("absent", &plain);
    tell("errno-of-the-call", errno == ENOENT, errno);
}

int main(int count, char **arguments)
{
    long long offset = 0;
    if (count > 1)
        sscanf(arguments[1], "%lld", &offset);
    clocks_and_files(offset);
    conditions();
    locks();
    semaphores();
    timers();
    return failures != 0;
}
