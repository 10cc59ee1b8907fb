import { z } from 'zod';

/** Settings of a queue of mail: when a message is tried again, and when its sender hears of it. */
export const scheduleSettings = ({
  retryMs,
  maxRetryMs,
}: {
  readonly retryMs: number;
  readonly maxRetryMs: number;
}) => ({
  retryMs: z.int().min(50).default(retryMs).describe('First pause before a message is tried again; it doubles.'),
  maxRetryMs: z.int().min(50).default(maxRetryMs).describe('Longest pause between two tries.'),
  lifetimeMs: z.int().min(100).default(432_000_000).describe('After this time its sender gets it back (five days).'),
  delayWarningMs: z
    .int()
    .min(0)
    .default(14_400_000)
    .describe('After this time its sender is told that it waits, once; 0: never.'),
});
