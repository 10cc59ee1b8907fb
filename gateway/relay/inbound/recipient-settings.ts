import { z } from 'zod';

/** How RCPT is answered: settings of gateway.yaml. */
export const recipientSettings = () =>
  z
    .strictObject({
      staleMs: z
        .int()
        .min(0)
        .default(14_400_000)
        .describe(
          'While the directory does not answer, addresses that it confirmed within this time (four hours) are still taken; 0 turns it off. Nothing is ever refused by an old answer.',
        ),
      sitePostmaster: z
        .string()
        .default('postmaster')
        .describe(
          'Who gets postmaster@ and abuse@ of hosted domains that have neither: an address, or a bare name of directory.defaultDomain.',
        ),
      tarpitAfter: z
        .int()
        .min(1)
        .default(10)
        .describe('Unknown recipients of one client (IPv4 address, IPv6 /64) after which each answer is delayed.'),
      tarpitMs: z.int().min(0).default(1_000).describe('First delay; it doubles with each further unknown recipient.'),
      maxTarpitMs: z.int().min(0).default(15_000).describe('Longest delay.'),
      refuseAfter: z
        .int()
        .min(1)
        .default(50)
        .describe(
          'Unknown recipients of one client after which the directory is not asked for it any more: 450 4.7.1.',
        ),
      forgetMs: z.int().min(1).default(20_000).describe('After this time one unknown recipient is forgiven.'),
    })
    .prefault({})
    .describe('How recipients are looked up.');
