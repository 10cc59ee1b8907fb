import type { Acting, AdministrationParts } from './acting.ts';
import { type Refused, refuse } from './outcome.ts';
import { isAdministrator } from './roles.ts';
import { type DomainEntry, IS_ACCOUNT, IS_ALIAS } from './tree.ts';

/** Limits that the site sets to a domain's postmasters. The directory cannot count, so they are kept here; administrators are free of them. */
export async function mayHaveOneMore(
  parts: AdministrationParts,
  acting: Acting,
  domain: DomainEntry,
  kind: 'account' | 'alias',
): Promise<Refused | undefined> {
  const most = kind === 'account' ? domain.maxAccounts : domain.maxAliases;
  if (most === undefined || (await isAdministrator(parts, acting))) return undefined;
  const filter = kind === 'account' ? IS_ACCOUNT : IS_ALIAS;
  let count = 0;
  let cursor = Buffer.alloc(0);
  do {
    const page = await acting.person.page(
      'count',
      { baseDn: domain.dn, scope: 'one', filter, attributes: ['1.1'], maxEntries: 500 },
      500,
      cursor,
    );
    if (page === 'restart') break;
    count += page.entries.length;
    cursor = Buffer.from(page.nextCookie ?? '');
  } while (cursor.length > 0 && count < most);
  if (count < most) return undefined;
  return kind === 'account'
    ? refuse('limit', 'This domain may have {most} accounts', undefined, { most })
    : refuse('limit', 'This domain may have {most} aliases', undefined, { most });
}

/** No quota is more than any. */
export function withinQuotaLimit({ maxQuotaBytes }: DomainEntry, quotaBytes = 0): Refused | undefined {
  if (maxQuotaBytes === undefined || (quotaBytes > 0 && quotaBytes <= maxQuotaBytes)) return undefined;
  return refuse('limit', 'An account of this domain may have {most} octets', 'quotaBytes', { most: maxQuotaBytes });
}
