import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

/** Outcome of reading a configuration: the value, or every error at once, each naming the setting. */
export type ConfigResult<T> =
  | { readonly ok: true; readonly config: T }
  | { readonly ok: false; readonly errors: string[] };

/**
 * A secret: given in place, or better as `{ file: path }` or `{ env: NAME }`. Resolves to the text, without the line end
 * of a file. In a log or in `--check-config` it never appears.
 */
export const secret = () =>
  z
    .union([z.string(), z.strictObject({ file: z.string() }), z.strictObject({ env: z.string() })])
    .transform((value, context): string => {
      if (typeof value === 'string') return value;
      if ('env' in value) {
        const text = process.env[value.env];
        if (text !== undefined) return text;
        context.addIssue({ code: 'custom', message: `environment variable ${value.env} is not set` });
        return z.NEVER;
      }
      try {
        return readFileSync(value.file, 'utf8').replace(/\r?\n$/, '');
      } catch (error) {
        context.addIssue({ code: 'custom', message: `cannot read ${value.file}: ${(error as Error).message}` });
        return z.NEVER;
      }
    });

/** A TCP port to listen on; 0 lets the kernel choose (tests). */
export const port = () => z.int().min(0).max(65535);

/** An IPv4 or IPv6 address of one leg; wildcards are refused, because each service names its leg. */
export const legAddress = () =>
  z
    .union([z.ipv4(), z.ipv6()])
    .refine(
      (address) => !isWildcard(address),
      'a wildcard is refused, because it would listen on every leg: name the address of one',
    );

/** `0.0.0.0`, `::` and every other way to write all zeros, `::ffff:0.0.0.0` too. */
function isWildcard(address: string): boolean {
  return /^[0:.]+$/.test(address.replace(/^(?:0*:)*:?ffff:(?=[0:.]+$)/i, '')) && !/[1-9]/.test(address);
}

/**
 * Reads one YAML file and checks it against its declaration.
 *
 * @param schema the declaration, a zod object whose fields carry `.describe()` and a default
 * @param path the YAML file; a missing file is an error like any other
 */
export function loadConfig<T>(schema: z.ZodType<T>, path: string): ConfigResult<T> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return { ok: false, errors: [`cannot read ${path}: ${(error as Error).message}`] };
  }
  return parseConfig(schema, text, path);
}

/** Like {@link loadConfig}, from text; `origin` names it in errors. */
export function parseConfig<T>(schema: z.ZodType<T>, text: string, origin: string): ConfigResult<T> {
  let value: unknown;
  try {
    // `<<: *anchor`, as Compose files have it.
    value = parse(text, { merge: true }) ?? {};
  } catch (error) {
    return { ok: false, errors: [`${origin}: ${(error as Error).message}`] };
  }
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, config: result.data };
  return { ok: false, errors: result.error.issues.flatMap((issue) => describeIssue(issue, origin)) };
}

function describeIssue(issue: z.core.$ZodIssue, origin: string): string[] {
  const where = issue.path.map(String).join('.') || '(top level)';
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${origin}: ${issue.path.length > 0 ? `${where}.` : ''}${key}: no such setting`);
  }
  return [`${origin}: ${where}: ${issue.message}`];
}

/** One setting as the reference page shows it. */
export interface SettingDescription {
  /** Dotted path, `[]` for the elements of a list. */
  readonly path: string;
  readonly type: string;
  readonly defaultText: string;
  readonly sentence: string;
}

interface JsonSchemaNode {
  type?: string | string[];
  description?: string;
  default?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchemaNode[];
  properties?: Record<string, JsonSchemaNode>;
  required?: string[];
  items?: JsonSchemaNode;
  additionalProperties?: JsonSchemaNode | boolean;
}

/** Lists every setting of a declaration, in its order, for docs/settings and the sample file. */
export function describeSettings(schema: z.ZodType): SettingDescription[] {
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchemaNode;
  const out: SettingDescription[] = [];
  walk(root, '', true, out);
  return out;
}

function walk(node: JsonSchemaNode, path: string, required: boolean, out: SettingDescription[]): void {
  if (path !== '' && (node.description !== undefined || node.properties === undefined)) {
    out.push({
      path,
      type: typeOf(node),
      defaultText: node.default !== undefined ? JSON.stringify(node.default) : required ? 'required' : 'unset',
      sentence: node.description ?? '',
    });
  }
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    walk(child, path === '' ? key : `${path}.${key}`, node.required?.includes(key) ?? false, out);
  }
  if (node.items?.properties !== undefined) walk({ ...node.items }, `${path}[]`, true, out);
  if (typeof node.additionalProperties === 'object' && node.additionalProperties.properties !== undefined) {
    walk(node.additionalProperties, `${path}.<name>`, true, out);
  }
}

function typeOf(node: JsonSchemaNode): string {
  if (node.enum !== undefined) return node.enum.map((v) => String(v)).join(' | ');
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(typeOf))].join(' | ');
  if (node.type === 'array') return `list of ${node.items === undefined ? 'any' : typeOf(node.items)}`;
  if (Array.isArray(node.type)) return node.type.join(' | ');
  return node.type ?? 'any';
}

/** What a service writes of its doings, and where. */
export const logSettings = () =>
  z
    .strictObject({
      level: z
        .enum(['debug', 'info', 'warn', 'error'])
        .default('info')
        .describe('The least important lines that are written.'),
      file: z.string().optional().describe('File to append to; standard output (the journal) when unset.'),
    })
    .prefault({});
