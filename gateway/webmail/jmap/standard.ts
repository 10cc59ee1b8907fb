import { z } from 'zod';
import { UnsendableValue } from '../imap/codec/command.ts';
import { CommandRefused, StoreUnavailable } from '../imap/store-connection.ts';
import { MAX_GET, MAX_SET } from './capabilities.ts';
import { idOrReference, idSchema, MethodError, readArguments, type SetError, SetFault, unsignedInt } from './errors.ts';
import type { RequestContext } from './method.ts';

/** RFC 8620 §5.1, without the arguments that single types add. */
export const getShape = {
  accountId: idSchema,
  ids: z.array(idOrReference).nullish(),
  properties: z.array(z.string()).nullish(),
};
const getSchema = z.strictObject(getShape);

export interface Getting<T extends object> {
  readonly state: string;
  /** Ids of everything there is, for `ids: null`; undefined where that is too much. */
  readonly allIds?: readonly string[];
  /** Properties there are; `id` is always told. */
  readonly properties: readonly string[];
  find(id: string): T | undefined;
}

/** RFC 8620 §5.1, for types whose records lie ready. */
export function answerGet<T extends object>(
  args: Record<string, unknown>,
  context: RequestContext,
  { state, allIds, properties: known, find }: Getting<T>,
): Record<string, unknown> {
  const { accountId, ids, properties } = readArguments(getSchema, args);
  context.checkAccount(accountId);
  const wrong = properties?.find((property) => !known.includes(property));
  if (wrong !== undefined) throw new MethodError('invalidArguments', `no property ${JSON.stringify(wrong)}`);
  if (ids == null && allIds === undefined) throw new MethodError('requestTooLarge');
  const { found, notFound } = findAll(ids ?? allIds ?? [], context, find);
  const list = found.map((record) => (properties == null ? record : pick(record, ['id', ...properties])));
  return { accountId, state, list, notFound };
}

/** The records of these ids, each once, and the ids without one. */
export function findAll<T>(
  ids: readonly string[],
  context: RequestContext,
  find: (id: string) => T | undefined,
): { found: T[]; notFound: string[] } {
  if (ids.length > MAX_GET) throw new MethodError('requestTooLarge', `more than ${MAX_GET} ids`);
  const found: T[] = [];
  const notFound: string[] = [];
  for (const given of new Set(ids)) {
    const id = context.resolve(given);
    const record = id === undefined ? undefined : find(id);
    if (record === undefined) notFound.push(given);
    else found.push(record);
  }
  return { found, notFound };
}

export function pick(record: object, properties: readonly string[]): Record<string, unknown> {
  const all = record as Record<string, unknown>;
  return Object.fromEntries(properties.filter((name) => Object.hasOwn(all, name)).map((name) => [name, all[name]]));
}

const changesSchema = z.strictObject({
  accountId: idSchema,
  sinceState: z.string(),
  maxChanges: z.int().min(1).nullish(),
});

export interface Changes {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly destroyed: readonly string[];
}

/**
 * RFC 8620 §5.2, for types of which there are few: more changes than asked for are not told in portions, so that the client
 * fetches anew, as it must be ready to.
 */
export function answerChanges(
  args: Record<string, unknown>,
  context: RequestContext,
  newState: string,
  changes: Changes | undefined,
): Record<string, unknown> {
  const { accountId, sinceState, maxChanges } = readChanges(args, context);
  if (changes === undefined) throw new MethodError('cannotCalculateChanges');
  const { created, updated, destroyed } = changes;
  if (maxChanges != null && created.length + updated.length + destroyed.length > maxChanges) {
    throw new MethodError('cannotCalculateChanges', 'more changes than were asked for');
  }
  return { accountId, oldState: sinceState, newState, hasMoreChanges: false, created, updated, destroyed };
}

export function readChanges(args: Record<string, unknown>, context: RequestContext): z.infer<typeof changesSchema> {
  const read = readArguments(changesSchema, args);
  context.checkAccount(read.accountId);
  return read;
}

/** RFC 8620 §5.5: the window of a result that is asked for. */
export const windowShape = {
  position: z.int().optional(),
  anchor: idSchema.nullish(),
  anchorOffset: z.int().optional(),
  limit: unsignedInt.nullish(),
  calculateTotal: z.boolean().optional(),
};
const windowSchema = z.object(windowShape);

const MAX_QUERY = 5_000;

export function windowOf(ids: readonly string[], args: z.infer<typeof windowSchema>): Record<string, unknown> {
  let position = args.position ?? 0;
  if (args.anchor != null) {
    const at = ids.indexOf(args.anchor);
    if (at < 0) throw new MethodError('anchorNotFound');
    position = Math.max(0, at + (args.anchorOffset ?? 0));
  } else if (position < 0) {
    position = Math.max(0, ids.length + position);
  }
  const limit = Math.min(args.limit ?? MAX_QUERY, MAX_QUERY);
  return {
    position,
    ids: ids.slice(position, position + limit),
    ...(args.calculateTotal === true ? { total: ids.length } : {}),
    ...(args.limit == null || args.limit > MAX_QUERY ? { limit } : {}),
  };
}

/** RFC 8620 §5.3, without what single types add. */
export const setShape = {
  accountId: idSchema,
  ifInState: z.string().nullish(),
  create: z.record(z.string().max(255), z.record(z.string(), z.unknown())).nullish(),
  update: z.record(idOrReference, z.record(z.string(), z.unknown())).nullish(),
  destroy: z.array(idOrReference).nullish(),
};
const setSchema = z.object(setShape);
export type SetArguments = z.infer<typeof setSchema>;

export interface Setting {
  state(): Promise<string>;
  /** Answers with what the server set. */
  create(value: Record<string, unknown>, creationId: string): Promise<{ id: string } & Record<string, unknown>>;
  /** Answers with what changed beyond the patch; null for nothing. */
  update(id: string, patch: Record<string, unknown>): Promise<Record<string, unknown> | null>;
  destroy(id: string): Promise<void>;
}

/** RFC 8620 §5.3: each record succeeds or fails by itself. */
export async function answerSet(
  args: SetArguments,
  context: RequestContext,
  setting: Setting,
): Promise<Record<string, unknown>> {
  context.checkAccount(args.accountId);
  const oldState = await setting.state();
  if (args.ifInState != null && args.ifInState !== oldState) throw new MethodError('stateMismatch');
  const outcome = await setAll(args, context, setting);
  return { accountId: args.accountId, oldState, newState: await setting.state(), ...outcome };
}

/** What a set method does with its records, whatever else it answers. */
export async function setAll(
  args: Pick<SetArguments, 'create' | 'update' | 'destroy'>,
  context: RequestContext,
  setting: Omit<Setting, 'state'>,
): Promise<Record<string, unknown>> {
  const count =
    Object.keys(args.create ?? {}).length + Object.keys(args.update ?? {}).length + (args.destroy?.length ?? 0);
  if (count > MAX_SET) throw new MethodError('requestTooLarge', `more than ${MAX_SET} records`);
  const created: Record<string, unknown> = {};
  const updated: Record<string, unknown> = {};
  const destroyed: string[] = [];
  const notCreated: Record<string, SetError> = {};
  const notUpdated: Record<string, SetError> = {};
  const notDestroyed: Record<string, SetError> = {};

  for (const [creationId, value] of Object.entries(args.create ?? {})) {
    await attempt(notCreated, creationId, async () => {
      const record = await setting.create(value, creationId);
      context.createdIds.set(creationId, record.id);
      created[creationId] = record;
    });
  }
  const doomed = new Set((args.destroy ?? []).map((id) => context.resolve(id) ?? id));
  for (const [given, patch] of Object.entries(args.update ?? {})) {
    await attempt(notUpdated, given, async () => {
      const id = context.resolve(given);
      if (id === undefined) throw new SetFault('notFound');
      if (doomed.has(id)) throw new SetFault('willDestroy');
      updated[given] = await setting.update(id, patch);
    });
  }
  for (const given of args.destroy ?? []) {
    await attempt(notDestroyed, given, async () => {
      const id = context.resolve(given);
      if (id === undefined) throw new SetFault('notFound');
      await setting.destroy(id);
      destroyed.push(given);
    });
  }
  const orNull = (record: object): object | null => (Object.keys(record).length > 0 ? record : null);
  return {
    created: orNull(created),
    updated: orNull(updated),
    destroyed: destroyed.length > 0 ? destroyed : null,
    notCreated: orNull(notCreated),
    notUpdated: orNull(notUpdated),
    notDestroyed: orNull(notDestroyed),
  };
}

async function attempt(faults: Record<string, SetError>, key: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const fault = error instanceof SetFault ? error.error : storeFault(error);
    if (fault === undefined) throw error;
    faults[key] = fault;
  }
}

/** What the store refused, record by record (RFC 5530); undefined for faults of ours. */
function storeFault(error: unknown): SetError | undefined {
  if (error instanceof UnsendableValue) return { type: 'invalidProperties', description: error.message };
  if (error instanceof StoreUnavailable) return { type: 'serverUnavailable' };
  if (!(error instanceof CommandRefused)) return undefined;
  const { code, text } = error.completion;
  if (/^OVERQUOTA/i.test(code)) return { type: 'overQuota', description: text };
  if (/^NOPERM/i.test(code)) return { type: 'forbidden', description: text };
  if (/^(?:NONEXISTENT|TRYCREATE)/i.test(code)) return { type: 'notFound', description: text };
  if (/^(?:TOOBIG|LIMIT)/i.test(code)) return { type: 'tooLarge', description: text };
  return { type: /^UNAVAILABLE/i.test(code) ? 'serverUnavailable' : 'invalidProperties', description: text };
}

/** A patch (RFC 8620 §5.3) on a record: pointers without their first slash; null removes what lies deeper. */
export function applyPatch(record: Record<string, unknown>, patch: Record<string, unknown>): Record<string, unknown> {
  const result = structuredClone(record);
  for (const [path, value] of Object.entries(patch)) {
    const tokens = path.split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = tokens.pop() ?? '';
    let at: unknown = result;
    for (const token of tokens) {
      const holds = typeof at === 'object' && at !== null && !Array.isArray(at) && Object.hasOwn(at, token);
      at = holds ? (at as Record<string, unknown>)[token] : undefined;
    }
    if (typeof at !== 'object' || at === null || Array.isArray(at) || last === '__proto__') {
      throw new SetFault('invalidPatch', `nothing at ${path}`);
    }
    const holder = at as Record<string, unknown>;
    if (value === null && tokens.length > 0) delete holder[last];
    else holder[last] = value;
  }
  return result;
}
