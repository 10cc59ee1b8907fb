import { z } from 'zod';

/** A method that cannot be carried out (RFC 8620 §3.6.2). */
export class MethodError extends Error {
  readonly type: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(type: string, description?: string, details: Readonly<Record<string, unknown>> = {}) {
    super(description ?? type);
    this.type = type;
    this.details = { ...(description === undefined ? {} : { description }), ...details };
  }
}

/** One record that cannot be changed (RFC 8620 §5.3). */
export class SetFault extends Error {
  readonly error: SetError;

  constructor(type: string, description?: string, details: Readonly<Record<string, unknown>> = {}) {
    super(description ?? type);
    this.error = { type, ...(description === undefined ? {} : { description }), ...details };
  }
}

export interface SetError {
  readonly type: string;
  readonly description?: string;
  readonly [detail: string]: unknown;
}

/** A request that cannot be looked at as a whole (RFC 8620 §3.6.1). */
export class RequestError extends Error {
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(type: string, detail: string, more: Readonly<Record<string, unknown>> = {}) {
    super(detail);
    this.problem = { type: `urn:ietf:params:jmap:error:${type}`, status: 400, detail, ...more };
  }
}

/** Checks arguments; what is wrong with them becomes `invalidArguments`. */
export function readArguments<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new MethodError('invalidArguments', describeIssues(result.error));
}

export function describeIssues(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map(({ path, message }) => `${path.map(String).join('/') || 'arguments'}: ${message}`)
    .join('; ');
}

/** RFC 8620 §1.2. */
export const idSchema = z.string().regex(/^[A-Za-z0-9_-]{1,255}$/, 'not an id');
/** An id, or `#` and a creation id (RFC 8620 §5.3). */
export const idOrReference = z.string().regex(/^#?[A-Za-z0-9_.:-]{1,255}$/, 'not an id');
/** RFC 8620 §1.3. */
export const unsignedInt = z.int().min(0);
/** RFC 8620 §1.4. */
export const utcDate = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/, 'not a UTCDate')
  .refine((text) => !Number.isNaN(Date.parse(text)), 'no such date');
