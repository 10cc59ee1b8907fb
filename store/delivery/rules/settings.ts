import { z } from 'zod';

const scripts = (when: string) =>
  z.array(z.string()).default([]).describe(`Files of Sieve scripts that run ${when}, one after the other.`);

/** The section `sieve` of store.yaml. */
export const sieveSettings = () =>
  z
    .strictObject({
      before: scripts('before everybody’s own'),
      after: scripts('after everybody’s own, if these have kept the message'),
      domains: z
        .record(z.string(), z.strictObject({ before: scripts('before'), after: scripts('after') }))
        .default({})
        .transform((byDomain) =>
          Object.fromEntries(Object.entries(byDomain).map(([domain, each]) => [domain.toLowerCase(), each])),
        )
        .describe(
          'The same for the accounts of one domain, nearer to their own scripts: `{ example.com: { before: [FILE], after: [] } }`.',
        ),
      library: z
        .record(z.string(), z.string())
        .default({})
        .describe('Files of scripts for `include :global`, by the name under which users include them.'),
      extensions: z
        .array(z.enum(['editheader']))
        .default([])
        .describe('Extensions that are off unless named here.'),
      maxRedirects: z.int().min(0).max(50).default(5).describe('Most redirects of one message by one account.'),
      spamHeader: z
        .string()
        .optional()
        .describe(
          'Header field with a spam score for `spamtest`, written by your gateway; unset: only messages marked as junk count as tested.',
        ),
      spamThreshold: z.number().positive().default(15).describe('The score in it that means spam for certain.'),
      virusHeader: z.string().optional().describe('Header field with a level from 1 to 5 for `virustest`.'),
    })
    .prefault({});

export type SieveSettings = z.infer<ReturnType<typeof sieveSettings>>;
