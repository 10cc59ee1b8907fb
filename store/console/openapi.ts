import { z } from 'zod';
import { ACTIONS } from '../administration/tokens.ts';
import { ROUTES } from './api/routes.ts';

/** OpenAPI 3.1 of the API, made of the routes themselves. */
export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of ROUTES) {
    const names = [...route.path.matchAll(/\{([a-z]+)\}/gi)].map((match) => match[1] ?? '');
    const parameters = [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...queryParameters(route.query),
    ];
    paths[route.path] = {
      ...paths[route.path],
      [route.method.toLowerCase()]: {
        summary: route.summary,
        operationId: `${route.method.toLowerCase()}${route.path.replaceAll(/[^a-z]+(.)?/gi, (_, letter: string = '') => letter.toUpperCase())}`,
        security: route.action === 'session' ? [{ session: [] }] : [{ session: [] }, { token: [] }],
        ...(route.action === 'session' ? {} : { 'x-action': route.action }),
        ...(parameters.length > 0 ? { parameters } : {}),
        ...(route.body === undefined
          ? {}
          : {
              requestBody: {
                required: true,
                content: { 'application/json': { schema: schemaOf(route.body, 'input') } },
              },
            }),
        responses: {
          200: { description: 'Done', content: { 'application/json': { schema: schemaOf(route.answer, 'output') } } },
          default: { description: 'Refused', content: { 'application/json': { schema: ERROR } } },
        },
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Postern administration',
      version: '1',
      description: `What the console does, for programs. Send \`Authorization: Bearer pst_…\`; tokens are limited to domains and to actions (${ACTIONS.join(', ')}).`,
    },
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-postern-console' },
      },
    },
    paths,
  };
}

const ERROR = {
  type: 'object',
  properties: {
    error: { type: 'string', description: 'For people, in English' },
    kind: { enum: ['forbidden', 'not-found', 'exists', 'invalid', 'limit', 'state'] },
    field: { type: 'string', description: 'The input that it is about' },
    text: { type: 'string', description: '`error` with the names of values in braces, for translation' },
    values: { type: 'object' },
  },
  required: ['error', 'kind'],
};

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' }) as Record<
    string,
    unknown
  >;
  const { $defs, ...plain } = rest;
  return $defs === undefined ? plain : (inlined(plain, $defs as Record<string, object>) as object);
}

/** Shapes with a name come as references into the schema itself; here each stands where it is used. */
function inlined(node: unknown, defs: Readonly<Record<string, object>>): unknown {
  if (Array.isArray(node)) return node.map((each) => inlined(each, defs));
  if (typeof node !== 'object' || node === null) return node;
  const reference = (node as { $ref?: string }).$ref;
  if (reference !== undefined) return inlined(defs[reference.slice('#/$defs/'.length)], defs);
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, inlined(value, defs)]));
}

function queryParameters(query: z.ZodType | undefined): object[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(query, 'input') as {
    properties?: Record<string, object>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}
