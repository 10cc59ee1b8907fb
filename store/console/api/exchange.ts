import { z } from 'zod';
import { exportEntries } from '../../administration/export.ts';
import { importRows } from '../../administration/import.ts';
import { done } from '../../administration/outcome.ts';
import { type Route, route, type TextAnswer } from '../route.ts';
import { difference, domainName } from './shapes.ts';

const MAX_IMPORT_BYTES = 16 * 1024 * 1024;

export const exchangeRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/api/import',
    summary: 'Accounts and aliases from CSV or LDIF; a dry run shows what would differ',
    action: 'import',
    body: z.strictObject({
      format: z.enum(['csv', 'ldif']),
      text: z.string(),
      dryRun: z.boolean().default(true),
      goodRowsOnly: z.boolean().default(false),
    }),
    maxBodyBytes: MAX_IMPORT_BYTES,
    answer: z.object({
      applied: z.boolean(),
      counts: z.object({ create: z.number(), change: z.number(), same: z.number(), error: z.number() }),
      rows: z.array(
        z.object({
          line: z.number(),
          address: z.string(),
          what: z.enum(['create', 'change', 'same', 'error']),
          differences: z.array(difference),
          error: z.string().optional(),
          text: z.string().optional(),
          values: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
          password: z.string().optional(),
        }),
      ),
    }),
    run: ({ services, acting, body }) => importRows(services, acting, body),
  }),
  route({
    method: 'GET',
    path: '/api/export',
    summary: 'Accounts and aliases as CSV or LDIF, without passwords',
    action: 'read',
    query: z.object({ format: z.enum(['csv', 'ldif']).default('csv'), domain: domainName.optional() }),
    answer: z.string(),
    async run({ services, acting, query }) {
      const exported = await exportEntries(services, acting, query);
      if (exported.kind !== 'done') return exported;
      const contentType = query.format === 'csv' ? 'text/csv; charset=utf-8' : 'text/plain; charset=utf-8';
      const answer: TextAnswer = { contentType, fileName: `accounts.${query.format}`, text: exported.value };
      return done(answer);
    },
  }),
];
