import { MethodError } from './errors.ts';
import type { Invocation } from './method.ts';

/** Values that one reference may gather. */
const MAX_VALUES = 100_000;

/** Puts results of earlier calls in the place of `#argument` (RFC 8620 §3.7). */
export function resolveReferences(
  args: Record<string, unknown>,
  responses: readonly Invocation[],
): Record<string, unknown> {
  const resolved: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(args)) {
    if (!name.startsWith('#')) {
      if (name in resolved) throw new MethodError('invalidArguments', `${name} is given twice`);
      resolved[name] = value;
      continue;
    }
    const plain = name.slice(1);
    if (plain in args || plain in resolved) throw new MethodError('invalidArguments', `${plain} is given twice`);
    resolved[plain] = resolveReference(value, responses);
  }
  return resolved;
}

function resolveReference(value: unknown, responses: readonly Invocation[]): unknown {
  const { resultOf, name, path } = (value ?? {}) as Record<string, unknown>;
  if (typeof resultOf !== 'string' || typeof name !== 'string' || typeof path !== 'string') {
    throw new MethodError('invalidResultReference', 'not a ResultReference');
  }
  const response = responses.find(([, , callId]) => callId === resultOf);
  if (response === undefined || response[0] !== name) {
    throw new MethodError('invalidResultReference', `no ${name} of ${resultOf}`);
  }
  return pointInto(response[1], path);
}

/** RFC 6901, with `*` for all items of an array (RFC 8620 §3.7). */
export function pointInto(value: unknown, path: string): unknown {
  if (path === '') return value;
  if (!path.startsWith('/')) throw new MethodError('invalidResultReference', 'not a pointer');
  const tokens = path
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  return follow(value, tokens);
}

function follow(value: unknown, tokens: readonly string[]): unknown {
  const [token, ...rest] = tokens;
  if (token === undefined) return value;
  if (Array.isArray(value)) {
    if (token === '*') {
      const all = value.flatMap((each: unknown) => follow(each, rest));
      if (all.length > MAX_VALUES) throw new MethodError('invalidResultReference', 'too many values');
      return all;
    }
    if (!/^(?:0|[1-9]\d*)$/.test(token) || Number(token) >= value.length) throw missing(token);
    return follow(value[Number(token)], rest);
  }
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, token)) throw missing(token);
  return follow((value as Record<string, unknown>)[token], rest);
}

const missing = (token: string): MethodError => new MethodError('invalidResultReference', `nothing at ${token}`);
