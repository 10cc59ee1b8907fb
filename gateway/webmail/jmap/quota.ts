import { createHash } from 'node:crypto';
import { imap } from '../imap/codec/command.ts';
import { listOf, octetsOf, readValues } from '../imap/codec/response-values.ts';
import { QUOTA } from './capabilities.ts';
import type { Method, RequestContext } from './method.ts';
import { answerChanges, answerGet, readChanges } from './standard.ts';

/** RFC 9425 §4. */
interface Quota {
  readonly id: string;
  readonly resourceType: 'octets' | 'count';
  readonly used: number;
  readonly hardLimit: number;
  readonly scope: 'account';
  readonly name: string;
  readonly types: readonly string[];
  readonly warnLimit: number | null;
  readonly softLimit: null;
  readonly description: null;
}

const PROPERTIES = [
  ...['id', 'resourceType', 'used', 'hardLimit', 'scope', 'name', 'types', 'warnLimit', 'softLimit', 'description'],
];

/** What RFC 9208 tells of the account; an account without limits has no quota. */
async function readQuotas({ session }: RequestContext): Promise<{ state: string; quotas: Quota[] }> {
  const quotas: Quota[] = [];
  await session.read(({ connection }) =>
    connection.must(imap`GETQUOTAROOT INBOX`, (response) => {
      if (!/^\* QUOTA /i.test(response.lines[0] ?? '')) return;
      const values = listOf(readValues(response, 0)[3]).map((each) => octetsOf(each) ?? '');
      for (let i = 0; i + 2 < values.length; i += 3) {
        const octets = values[i]?.toUpperCase() === 'STORAGE';
        // RFC 9208 §5.1: units of 1,024 octets.
        const factor = octets ? 1_024 : 1;
        const hardLimit = Number(values[i + 2]) * factor;
        quotas.push({
          id: octets ? 'storage' : 'messages',
          resourceType: octets ? 'octets' : 'count',
          used: Number(values[i + 1]) * factor,
          hardLimit,
          scope: 'account',
          name: octets ? 'Storage' : 'Messages',
          types: ['Email'],
          warnLimit: Math.floor(hardLimit * 0.9),
          softLimit: null,
          description: null,
        });
      }
    }),
  );
  return { state: createHash('sha256').update(JSON.stringify(quotas)).digest('base64url').slice(0, 16), quotas };
}

const get: Method = {
  name: 'Quota/get',
  capability: QUOTA,
  async call(args, context) {
    const { state, quotas } = await readQuotas(context);
    return answerGet<Quota>(args, context, {
      state,
      allIds: quotas.map(({ id }) => id),
      properties: PROPERTIES,
      find: (id) => quotas.find((each) => each.id === id),
    });
  },
};

/** RFC 9425 §4.4. */
const changes: Method = {
  name: 'Quota/changes',
  capability: QUOTA,
  async call(args, context) {
    const { sinceState } = readChanges(args, context);
    const { state, quotas } = await readQuotas(context);
    const updated = sinceState === state ? [] : quotas.map(({ id }) => id);
    return {
      ...answerChanges(args, context, state, { created: [], updated, destroyed: [] }),
      updatedProperties: ['used'],
    };
  },
};

export const QUOTA_METHODS: readonly Method[] = [get, changes];
