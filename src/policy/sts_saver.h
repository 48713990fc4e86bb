/* sts_saver.h - writes the file of MTA-STS policies, in a thread of its own,
 * since a disk may take seconds.
 *
 * Owns     what it is given.
 * Promise  what was given last is in the file once sts_saver_free() has
 *          returned, or the log says why not; what was given before it may
 *          have been passed over.
 * Threads  all calls from one; it has another.
 */
#ifndef POLICY_STS_SAVER_H
#define POLICY_STS_SAVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sts_saver;
/* What dead writers of the file have left goes. path is borrowed for as long as
 * it lives. NULL: no memory or no thread. */
struct sts_saver *sts_saver_new(const char *path);
/* octets is of malloc(). */
void sts_saver_give(struct sts_saver *saver, uint8_t *octets, size_t len);
/* Something is being written, or is to be. */
bool sts_saver_busy(struct sts_saver *saver);
void sts_saver_free(struct sts_saver *saver); /* NULL is fine */

#endif
