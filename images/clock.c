/* A clock that is ahead, for every process of a container, through /etc/ld.so.preload.
 *
 * The offset, in seconds, is read from CLOCK_FILE when a process starts; without it, or
 * with 0, every call passes straight through. No lock, no shared memory, no allocation, no
 * environment variable, errno as the real call left it.
 *
 * Three things are shifted, and nothing else:
 * - what the real-time clocks say; clocks that only measure a span stay as they are;
 * - the times of files that were written since the container started. Older times are the
 *   sources' own. Times that lie ahead of the real clock were copied by a program that had
 *   read a shifted one, and must not be shifted twice;
 * - deadlines of waits that a program computed from the shifted clock: back again.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timeb.h>
#include <sys/timerfd.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define CLOCK_FILE "/usr/lib/wheelproof/clock"
#define STARTED "/dev" /* a tmpfs that the engine makes when it starts the container */
#define TOLERANCE 2    /* seconds that a file's time may lie ahead of the clock's coarse reading */

_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "needs a platform with one struct stat");

/* Entry points of programs linked against a glibc older than 2.33; no header declares them now. */
int __xstat(int version, const char *path, struct stat *buffer);
int __lxstat(int version, const char *path, struct stat *buffer);
int __fxstat(int version, int fd, struct stat *buffer);
int __fxstatat(int version, int folder, const char *path, struct stat *buffer, int flags);
int __xstat64(int version, const char *path, struct stat64 *buffer);
int __lxstat64(int version, const char *path, struct stat64 *buffer);
int __fxstat64(int version, int fd, struct stat64 *buffer);
int __fxstatat64(int version, int folder, const char *path, struct stat64 *buffer, int flags);

#define EACH(DO)                                                                                  \
    DO(clock_gettime)                                                                             \
    DO(stat) DO(lstat) DO(fstat) DO(fstatat) DO(stat64) DO(lstat64) DO(fstat64) DO(fstatat64)     \
    DO(__xstat) DO(__lxstat) DO(__fxstat) DO(__fxstatat)                                          \
    DO(__xstat64) DO(__lxstat64) DO(__fxstat64) DO(__fxstatat64) DO(statx)                        \
    DO(pthread_cond_timedwait) DO(pthread_cond_clockwait) DO(cnd_timedwait)                       \
    DO(pthread_mutex_timedlock) DO(pthread_mutex_clocklock) DO(mtx_timedlock)                     \
    DO(pthread_rwlock_timedrdlock) DO(pthread_rwlock_timedwrlock)                                 \
    DO(pthread_rwlock_clockrdlock) DO(pthread_rwlock_clockwrlock)                                 \
    DO(sem_timedwait) DO(sem_clockwait) DO(clock_nanosleep) DO(timer_settime) DO(timerfd_settime)

#define DECLARE(name) static __typeof__(&name) next_##name;
#define RESOLVE(name) next_##name = (__typeof__(&name)) dlsym(RTLD_NEXT, #name);

EACH(DECLARE)

static int64_t offset;
static int64_t started = INT64_MAX;
static int begun;

static int64_t read_offset(void)
{
    char text[32];
    int64_t value = 0;
    int file = open(CLOCK_FILE, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? 0 : read(file, text, sizeof text);
    if (file >= 0)
        close(file);
    for (ssize_t at = length > 0 && text[0] == '-'; at < length && text[at] >= '0' && text[at] <= '9'; at++)
        value = value * 10 + (text[at] - '0');
    return length > 0 && text[0] == '-' ? -value : value;
}

/* Runs before main, or at the first call if a library's own constructor comes first. It may
 * run twice at once, and then stores the same values twice. */
__attribute__((constructor)) static void begin(void)
{
    struct stat folder;
    int error = errno;
    EACH(RESOLVE)
    if (next_stat(STARTED, &folder) == 0)
        started = folder.st_mtim.tv_sec;
    offset = read_offset();
    __atomic_store_n(&begun, 1, __ATOMIC_RELEASE);
    errno = error;
}

static void ready(void)
{
    if (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
        begin();
}

#define NEXT(name) (ready(), next_##name)

static int shifts(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}

static int64_t real_seconds(void)
{
    struct timespec now;
    NEXT(clock_gettime)(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

/* --- clocks ------------------------------------------------------------------------------- */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = NEXT(clock_gettime)(clock, now);
    if (result == 0 && shifts(clock))
        now->tv_sec += offset;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now)
        *now = (struct timeval) {precise.tv_sec, precise.tv_nsec / 1000};
    if (zone)
        *(struct timezone *) zone = (struct timezone) {0, 0};
    return 0;
}

time_t time(time_t *seconds)
{
    time_t now = real_seconds() + offset;
    if (seconds)
        *seconds = now;
    return now;
}

int timespec_get(struct timespec *now, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0;
}

int ftime(struct timeb *now)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    *now = (struct timeb) {.time = precise.tv_sec, .millitm = precise.tv_nsec / 1000000};
    return 0;
}

/* --- times of files ----------------------------------------------------------------------- */

static int64_t file_time(int64_t seconds)
{
    int written_here = offset != 0 && seconds >= started && seconds <= real_seconds() + TOLERANCE;
    return written_here ? seconds + offset : seconds;
}

static int shift_stat(int result, struct stat *of)
{
    if (result == 0) {
        of->st_atim.tv_sec = file_time(of->st_atim.tv_sec);
        of->st_mtim.tv_sec = file_time(of->st_mtim.tv_sec);
        of->st_ctim.tv_sec = file_time(of->st_ctim.tv_sec);
    }
    return result;
}

#define STAT(name, type, parameters, ...)                                                         \
    int name parameters                                                                           \
    {                                                                                             \
        return shift_stat(NEXT(name)(__VA_ARGS__), (struct stat *) buffer);                       \
    }

#define STATS(type, plain, link, open, at, oldplain, oldlink, oldopen, oldat)                     \
    STAT(plain, type, (const char *restrict path, type *restrict buffer), path, buffer)           \
    STAT(link, type, (const char *restrict path, type *restrict buffer), path, buffer)            \
    STAT(open, type, (int fd, type *buffer), fd, buffer)                                          \
    STAT(at, type, (int folder, const char *restrict path, type *restrict buffer, int flags),     \
         folder, path, buffer, flags)                                                             \
    STAT(oldplain, type, (int version, const char *path, type *buffer), version, path, buffer)    \
    STAT(oldlink, type, (int version, const char *path, type *buffer), version, path, buffer)     \
    STAT(oldopen, type, (int version, int fd, type *buffer), version, fd, buffer)                 \
    STAT(oldat, type, (int version, int folder, const char *path, type *buffer, int flags),       \
         version, folder, path, buffer, flags)

STATS(struct stat, stat, lstat, fstat, fstatat, __xstat, __lxstat, __fxstat, __fxstatat)
STATS(struct stat64, stat64, lstat64, fstat64, fstatat64, __xstat64, __lxstat64, __fxstat64, __fxstatat64)

int statx(int folder, const char *restrict path, int flags, unsigned int mask, struct statx *restrict buffer)
{
    int result = NEXT(statx)(folder, path, flags, mask, buffer);
    if (result == 0) {
        buffer->stx_atime.tv_sec = file_time(buffer->stx_atime.tv_sec);
        buffer->stx_btime.tv_sec = file_time(buffer->stx_btime.tv_sec);
        buffer->stx_ctime.tv_sec = file_time(buffer->stx_ctime.tv_sec);
        buffer->stx_mtime.tv_sec = file_time(buffer->stx_mtime.tv_sec);
    }
    return result;
}

/* --- waits until a time -------------------------------------------------------------------
 *
 * A deadline nearer to the shifted clock than to the real one was computed from the shifted
 * one. Those of clocks that count from the machine's start are nowhere near it. */

static struct timespec real_deadline(const struct timespec *given)
{
    struct timespec deadline = *given;
    int64_t ahead = deadline.tv_sec - real_seconds();
    if ((offset > 0 && ahead > offset / 2) || (offset < 0 && ahead < offset / 2 && ahead > 2 * offset))
        deadline.tv_sec -= offset;
    return deadline;
}

#define WAIT(name, parameters, ...)                                                               \
    int name parameters                                                                           \
    {                                                                                             \
        struct timespec deadline = real_deadline(until);                                          \
        return NEXT(name)(__VA_ARGS__, &deadline);                                                \
    }

WAIT(pthread_cond_timedwait,
     (pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict until),
     condition, mutex)
WAIT(pthread_cond_clockwait,
     (pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, clockid_t clock,
      const struct timespec *restrict until),
     condition, mutex, clock)
WAIT(cnd_timedwait, (cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until),
     condition, mutex)
WAIT(pthread_mutex_timedlock, (pthread_mutex_t *restrict mutex, const struct timespec *restrict until), mutex)
WAIT(pthread_mutex_clocklock,
     (pthread_mutex_t *restrict mutex, clockid_t clock, const struct timespec *restrict until), mutex, clock)
WAIT(mtx_timedlock, (mtx_t *restrict mutex, const struct timespec *restrict until), mutex)
WAIT(pthread_rwlock_timedrdlock, (pthread_rwlock_t *restrict lock, const struct timespec *restrict until), lock)
WAIT(pthread_rwlock_timedwrlock, (pthread_rwlock_t *restrict lock, const struct timespec *restrict until), lock)
WAIT(pthread_rwlock_clockrdlock,
     (pthread_rwlock_t *restrict lock, clockid_t clock, const struct timespec *restrict until), lock, clock)
WAIT(pthread_rwlock_clockwrlock,
     (pthread_rwlock_t *restrict lock, clockid_t clock, const struct timespec *restrict until), lock, clock)
WAIT(sem_timedwait, (sem_t *restrict semaphore, const struct timespec *restrict until), semaphore)
WAIT(sem_clockwait, (sem_t *restrict semaphore, clockid_t clock, const struct timespec *restrict until),
     semaphore, clock)

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left)
{
    struct timespec deadline = *until;
    if (flags & TIMER_ABSTIME)
        deadline = real_deadline(until);
    return NEXT(clock_nanosleep)(clock, flags, &deadline, left);
}

#define TIMER(name, type, absolute)                                                               \
    int name(type timer, int flags, const struct itimerspec *given, struct itimerspec *former)    \
    {                                                                                             \
        struct itimerspec wanted = *given;                                                        \
        if (flags & (absolute))                                                                   \
            wanted.it_value = real_deadline(&given->it_value);                                    \
        return NEXT(name)(timer, flags, &wanted, former);                                         \
    }

TIMER(timer_settime, timer_t, TIMER_ABSTIME)
TIMER(timerfd_settime, int, TFD_TIMER_ABSTIME)
