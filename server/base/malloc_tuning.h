// Settings of malloc for requests of megabytes.
#ifndef SERVER_BASE_MALLOC_TUNING_H_
#define SERVER_BASE_MALLOC_TUNING_H_

namespace attention {

// Keeps the memory of requests and responses in the heap from one request to
// the next. By default glibc maps each block of a megabyte or more and unmaps
// it when freed, so that every request pays for page faults and zeroed pages.
// Once, before there are threads; nothing where malloc is not glibc's.
void TuneMalloc();

}  // namespace attention

#endif  // SERVER_BASE_MALLOC_TUNING_H_
