import { z } from 'zod';

/** Which certificates a site wants from a CA of its own, and where copies of them go: the file of `postern certificates --plan`. */
export const certificatePlanSchema = z.strictObject({
  authority: z.string().default('Postern mail CA').describe('Common name of the CA.'),
  renewDays: z.int().min(1).max(390).default(30).describe('Days before the end at which a certificate is issued anew.'),
  certificates: z
    .record(
      z.string().regex(/^(?!ca$)[a-z0-9-]+$/, 'a name of lower-case letters, digits and hyphens other than `ca`'),
      z.strictObject({
        names: z.array(z.string()).min(1).describe('DNS names and addresses; the first one is the common name.'),
        uses: z
          .array(z.enum(['server', 'client']))
          .min(1)
          .describe('What it is for.'),
      }),
    )
    .describe('The certificates by name of their files.'),
  give: z
    .array(
      z.strictObject({
        folder: z.string().describe('Folder that gets the CA’s certificate (never its key) and the named pairs.'),
        certificates: z.array(z.string()).describe('Their names; none gives `ca.pem` alone.'),
        owner: z
          .string()
          .regex(/^\d+:\d+$/)
          .optional()
          .describe('Numeric `uid:gid` of the files; only root can give them away.'),
        groupReads: z
          .boolean()
          .default(false)
          .describe(
            'Lets the group of the folder (mode 2750) read the keys, where they belong to another user than the service’s.',
          ),
      }),
    )
    .default([])
    .describe('Copies, one a process: each holds its own keys alone.'),
});

export type CertificatePlan = z.infer<typeof certificatePlanSchema>;

/** Copies that name certificates which the plan does not have. */
export function unknownNames(plan: CertificatePlan): string[] {
  return plan.give.flatMap(({ certificates }) => certificates).filter((name) => !(name in plan.certificates));
}
