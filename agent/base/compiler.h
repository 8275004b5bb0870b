/* Differences between compilers; differences between systems belong in platform/.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_BASE_COMPILER_H
#define CARETAKER_BASE_COMPILER_H

/* mingw's plain 'printf' format is Microsoft's old one, which has no %zu. */
#if defined(__MINGW32__)
#define PRINTF_LIKE(fmt, args) __attribute__((format(gnu_printf, fmt, args)))
#else
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#endif

#endif
