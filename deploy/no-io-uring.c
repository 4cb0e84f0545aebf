/* Preloaded into a function's process, this makes io_uring look absent: CRIU
 * cannot dump a ring, libuv 1.50 and later (Node 22 and 24, uvloop) makes one
 * for every loop and has no switch for it, and without one it uses epoll.
 *
 *     LD_PRELOAD=/opt/pronghorn/lib/no-io-uring.so
 *
 * libuv asks the kernel through the libc's syscall(), which stands here again.
 * It is linked to no libc, so that it fits glibc and musl alike. */
#include <errno.h>

#define IO_URING_SETUP 425 /* on every architecture */

extern int *__errno_location(void);

static long enter(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
#else
#error "no system calls for this architecture"
#endif
}

long syscall(long number, long a, long b, long c, long d, long e, long f) {
	long result = number == IO_URING_SETUP ? -ENOSYS : enter(number, a, b, c, d, e, f);
	if (result < 0 && result > -4096) {
		*__errno_location() = (int)-result;
		return -1;
	}
	return result;
}
