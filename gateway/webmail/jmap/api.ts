import { z } from 'zod';
import { UnsendableValue } from '../imap/codec/command.ts';
import { CommandRefused, StoreUnavailable } from '../imap/store-connection.ts';
import { SessionEnded } from '../mail/account-session.ts';
import { MAX_CALLS } from './capabilities.ts';
import { MethodError, RequestError } from './errors.ts';
import type { Invocation, Method, RequestContext } from './method.ts';
import { resolveReferences } from './references.ts';

const requestSchema = z.object({
  using: z.array(z.string()).max(100),
  methodCalls: z.array(z.tuple([z.string(), z.record(z.string(), z.unknown()), z.string().max(255)])),
  createdIds: z.record(z.string(), z.string()).optional(),
});

export type ApiRequest = z.infer<typeof requestSchema>;

/** A request as values (RFC 8620 §3.3). @throws RequestError */
export function readRequest(body: Buffer, capabilities: ReadonlySet<string>): ApiRequest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new RequestError('notJSON', 'The body is not JSON in UTF-8.');
  }
  const result = requestSchema.safeParse(value);
  if (!result.success) throw new RequestError('notRequest', 'The body is not a Request object.');
  const unknown = result.data.using.find((capability) => !capabilities.has(capability));
  if (unknown !== undefined) {
    throw new RequestError('unknownCapability', `This server does not support ${JSON.stringify(unknown)}.`);
  }
  if (result.data.methodCalls.length > MAX_CALLS) {
    throw new RequestError('limit', `More than ${MAX_CALLS} calls.`, { limit: 'maxCallsInRequest' });
  }
  return result.data;
}

/** Carries out the calls one after the other (RFC 8620 §3.3). Faults of ours are logged and become `serverFail`. */
export async function answerRequest(
  request: ApiRequest,
  methods: ReadonlyMap<string, Method>,
  context: RequestContext,
  sessionState: string,
): Promise<Record<string, unknown>> {
  const responses: Invocation[] = [];
  for (const [name, args, callId] of request.methodCalls) {
    for (const [answer, value] of await answerCall(name, args, request.using, responses, methods, context)) {
      responses.push([answer, value, callId]);
    }
  }
  return {
    methodResponses: responses,
    ...(request.createdIds === undefined ? {} : { createdIds: Object.fromEntries(context.createdIds) }),
    sessionState,
  };
}

async function answerCall(
  name: string,
  given: Record<string, unknown>,
  using: readonly string[],
  responses: readonly Invocation[],
  methods: ReadonlyMap<string, Method>,
  context: RequestContext,
): Promise<readonly (readonly [string, Record<string, unknown>])[]> {
  const method = methods.get(name);
  if (method === undefined || !using.includes(method.capability)) return [['error', { type: 'unknownMethod' }]];
  try {
    const answer = await method.call(resolveReferences(given, responses), context);
    return Array.isArray(answer)
      ? (answer as readonly (readonly [string, Record<string, unknown>])[])
      : [[name, answer as Record<string, unknown>]];
  } catch (error) {
    return [['error', errorOf(error, name, context)]];
  }
}

function errorOf(error: unknown, method: string, { log }: RequestContext): Record<string, unknown> {
  if (error instanceof SessionEnded) throw error;
  if (error instanceof MethodError) return { type: error.type, ...error.details };
  if (error instanceof UnsendableValue) return { type: 'invalidArguments', description: error.message };
  if (error instanceof StoreUnavailable) {
    log.warn({ event: 'store-unavailable', method, cause: error.message });
    return { type: 'serverUnavailable' };
  }
  if (error instanceof CommandRefused) {
    const { code } = error.completion;
    log.warn({ event: 'store-refused', method, code });
    if (/^NOPERM\b/i.test(code)) return { type: 'forbidden' };
    return /^(?:UNAVAILABLE|INUSE)\b/i.test(code) ? { type: 'serverUnavailable' } : { type: 'serverFail' };
  }
  log.error({ event: 'fault', method, err: error });
  return { type: 'serverFail', description: 'A fault of ours; the log has it.' };
}
