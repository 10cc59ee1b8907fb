import { z } from 'zod';

/** Shapes that several resources share: what the API takes and gives, as OpenAPI tells them. */

export const address = z.string().max(320).meta({ description: 'local@domain' });
export const domainName = z.string().max(253).meta({ description: 'A domain, in A-labels or as people write it' });

export const listQuery = z.object({
  search: z
    .string()
    .max(200)
    .regex(/^[^\x00-\x1f\x7f]*$/, 'one line of text')
    .default('')
    .meta({ description: 'In addresses, names and targets' }),
  domain: domainName.optional(),
  cursor: z.string().max(2000).optional().meta({ description: 'nextCursor of the page before' }),
  size: z.coerce.number().int().min(1).max(200).default(50),
});

export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().optional() });

export const domain = z
  .object({
    name: z.string(),
    description: z.string(),
    active: z.boolean(),
    deleted: z.boolean(),
    transport: z.string(),
    editAccounts: z.boolean(),
    editPostmasters: z.boolean(),
    editCatchAll: z.boolean(),
    maxAccounts: z.number().optional(),
    maxAliases: z.number().optional(),
    maxQuotaBytes: z.number().optional(),
  })
  .meta({ id: 'Domain' });

export const account = z
  .object({
    address: z.string(),
    uuid: z.string(),
    name: z.string(),
    description: z.string(),
    active: z.boolean(),
    deleted: z.boolean(),
    services: z.array(z.string()).optional().meta({ description: 'Missing: the defaults of the site' }),
    quotaBytes: z.number(),
    quotaMessages: z.number(),
    forwards: z.array(z.string()),
    forwardOnly: z.boolean(),
    secondFactor: z.boolean(),
  })
  .meta({ id: 'Account' });

export const alias = z
  .object({
    address: z.string(),
    targets: z.array(z.string()),
    active: z.boolean(),
    catchAll: z.boolean(),
    description: z.string(),
  })
  .meta({ id: 'Alias' });

export const references = z
  .object({
    aliases: z.array(z.object({ address: z.string(), lastTarget: z.boolean() })),
    forwards: z.array(z.string()),
    postmasterOf: z.array(z.string()),
  })
  .meta({ id: 'References' });

export const difference = z.object({ what: z.string(), from: z.string(), to: z.string() }).meta({ id: 'Difference' });

export const purged = z
  .object({ accounts: z.number(), mailboxes: z.number(), messages: z.number(), bytes: z.number() })
  .meta({ id: 'Purged' });

export const nothing = z.null();

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const domainSettings = z.strictObject({
  description: z.string().optional(),
  active: z.boolean().optional(),
  transport: z.string().optional(),
  editAccounts: z.boolean().optional(),
  editPostmasters: z.boolean().optional(),
  editCatchAll: z.boolean().optional(),
  maxAccounts: count.optional(),
  maxAliases: count.optional(),
  maxQuotaBytes: count.optional(),
});

export const accountSettings = z.strictObject({
  name: z.string().optional(),
  description: z.string().optional(),
  active: z.boolean().optional(),
  services: z
    .array(z.string().max(32))
    .max(50)
    .nullable()
    .optional()
    .meta({ description: 'null: the defaults of the site' }),
  quotaBytes: count.optional(),
  quotaMessages: count.optional(),
  forwards: z.array(z.string().max(320)).max(50).optional(),
  forwardOnly: z.boolean().optional(),
});

export const aliasSettings = z.strictObject({
  targets: z.array(z.string().max(320)).max(1000).optional(),
  active: z.boolean().optional(),
  description: z.string().optional(),
});
