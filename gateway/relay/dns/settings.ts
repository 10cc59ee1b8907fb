import { z } from 'zod';

/** How the relay asks the DNS; policy and sender authentication share it. */
export const dnsSettings = () =>
  z
    .strictObject({
      servers: z
        .array(z.string())
        .default([])
        .describe(
          'Name servers as `address` or `address:port`; those of the system when empty. A cache close by is advised.',
        ),
      timeoutMs: z.int().min(50).default(2_000).describe('Time for one try; a question ends after thrice this time.'),
      tries: z.int().min(1).max(5).default(2).describe('Tries for one question.'),
      cacheEntries: z.int().min(1).default(20_000).describe('Most answers kept in memory.'),
      validates: z
        .boolean()
        .default(false)
        .describe(
          'The servers validate DNSSEC and the way to them is safe (loopback): their AD bit is believed, as DANE needs it (RFC 7672 §2.2).',
        ),
      cacheMs: z.int().min(0).default(60_000).describe('How long an answer is kept; "no such name" half as long.'),
    })
    .prefault({});

export type DnsSettings = z.infer<ReturnType<typeof dnsSettings>>;
