import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { objectOf, readSettings, writeSetting } from '../imap/metadata.ts';
import { SUBMISSION } from './capabilities.ts';
import { readArguments, SetFault } from './errors.ts';
import type { Method, RequestContext } from './method.ts';
import { answerChanges, answerGet, answerSet, readChanges, setShape } from './standard.ts';

const addressesSchema = z
  .array(
    z.strictObject({
      name: z
        .string()
        .nullish()
        .transform((name) => name ?? null),
      email: z.string(),
    }),
  )
  .nullable();
const identitySchema = z.strictObject({
  name: z.string().max(500).default(''),
  email: z.string().regex(/^[^\s<>]{1,64}@[^\s<>]{1,253}$/, 'not an address'),
  replyTo: addressesSchema.default(null),
  bcc: addressesSchema.default(null),
  textSignature: z.string().max(20_000).default(''),
  htmlSignature: z.string().max(20_000).default(''),
});
/** RFC 8621 §6. */
export type Identity = z.infer<typeof identitySchema> & { readonly id: string; readonly mayDelete: boolean };

const PROPERTIES = ['id', 'name', 'email', 'replyTo', 'bcc', 'textSignature', 'htmlSignature', 'mayDelete'];
/** The account's own address; it is always there. */
export const DEFAULT_IDENTITY = 'default';

/** The account's own address first, and what its user made of it; then the others. */
export async function readIdentities({ session }: RequestContext): Promise<Identity[]> {
  const settings = await session.read(({ connection }) => readSettings(connection, ['account', 'identity']));
  const { address, displayName } = objectOf(settings.get('account'));
  const own = { name: typeof displayName === 'string' ? displayName : '', email: String(address ?? session.user) };
  const kept = [...settings].flatMap(([name, value]) => {
    const read = identitySchema.safeParse(objectOf(value));
    return name.startsWith('identity/') && read.success ? [{ id: name.slice('identity/'.length), ...read.data }] : [];
  });
  const changed = kept.find(({ id }) => id === DEFAULT_IDENTITY);
  const first = { ...identitySchema.parse(own), ...changed, email: own.email, id: DEFAULT_IDENTITY, mayDelete: false };
  return [first, ...kept.filter(({ id }) => id !== DEFAULT_IDENTITY).map((each) => ({ ...each, mayDelete: true }))];
}

const stateOf = (identities: readonly Identity[]): string =>
  createHash('sha256').update(JSON.stringify(identities)).digest('base64url').slice(0, 16);

const get: Method = {
  name: 'Identity/get',
  capability: SUBMISSION,
  async call(args, context) {
    const identities = await readIdentities(context);
    return answerGet<Identity>(args, context, {
      state: stateOf(identities),
      allIds: identities.map(({ id }) => id),
      properties: PROPERTIES,
      find: (id) => identities.find((each) => each.id === id),
    });
  },
};

const changes: Method = {
  name: 'Identity/changes',
  capability: SUBMISSION,
  async call(args, context) {
    const { sinceState } = readChanges(args, context);
    const state = stateOf(await readIdentities(context));
    const none = sinceState === state ? { created: [], updated: [], destroyed: [] } : undefined;
    return answerChanges(args, context, state, none);
  },
};

const setSchema = z.strictObject(setShape);

/** RFC 8621 §6.3. */
const set: Method = {
  name: 'Identity/set',
  capability: SUBMISSION,
  async call(args, context) {
    return answerSet(readArguments(setSchema, args), context, {
      state: async () => stateOf(await readIdentities(context)),
      async create(value) {
        const read = identitySchema.safeParse(value);
        if (!read.success) throw invalid(read.error);
        const id = `i-${randomBytes(8).toString('hex')}`;
        await write(id, JSON.stringify(read.data), context);
        return { id, mayDelete: true };
      },
      async update(id, patch) {
        const before = await find(id, context);
        const wrong = Object.keys(patch).filter(
          (name) => !PROPERTIES.includes(name) || name === 'id' || name === 'mayDelete' || name === 'email',
        );
        if (wrong.length > 0) throw new SetFault('invalidProperties', 'not settable', { properties: wrong });
        const { id: _, mayDelete: __, ...rest } = before;
        const read = identitySchema.safeParse({ ...rest, ...patch });
        if (!read.success) throw invalid(read.error);
        await write(id, JSON.stringify(read.data), context);
        return null;
      },
      async destroy(id) {
        const before = await find(id, context);
        if (!before.mayDelete) throw new SetFault('forbidden', 'the own address stays');
        await write(id, undefined, context);
      },
    });
  },
};

async function find(id: string, context: RequestContext): Promise<Identity> {
  const found = (await readIdentities(context)).find((each) => each.id === id);
  if (found === undefined) throw new SetFault('notFound');
  return found;
}

async function write(id: string, value: string | undefined, { session }: RequestContext): Promise<void> {
  const completion = await session.write(({ connection }) => writeSetting(connection, `identity/${id}`, value));
  if (completion.status === 'OK') return;
  throw new SetFault(/^METADATA TOOMANY/i.test(completion.code) ? 'overQuota' : 'invalidProperties', completion.text);
}

function invalid(error: z.ZodError): SetFault {
  const properties = [
    ...new Set(
      error.issues.flatMap((issue) =>
        issue.code === 'unrecognized_keys' ? issue.keys : [String(issue.path[0] ?? '')],
      ),
    ),
  ];
  return new SetFault('invalidProperties', error.issues[0]?.message, { properties });
}

export const IDENTITY_METHODS: readonly Method[] = [get, changes, set];
