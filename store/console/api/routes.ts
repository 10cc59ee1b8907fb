import type { Route } from '../route.ts';
import { accountRoutes } from './accounts.ts';
import { aliasRoutes } from './aliases.ts';
import { domainRoutes } from './domains.ts';
import { exchangeRoutes } from './exchange.ts';
import { logRoutes } from './log.ts';
import { operationRoutes } from './operation.ts';
import { quarantineRoutes } from './quarantine.ts';
import { selfRoutes } from './self.ts';
import { sessionRoutes } from './session.ts';
import { tokenRoutes } from './tokens.ts';
import { traceRoutes } from './trace.ts';
import { vacationRoutes } from './vacation.ts';

/** Every route of the API: what the server answers and what OpenAPI describes are this one list. */
export const ROUTES: readonly Route[] = [
  ...sessionRoutes,
  ...selfRoutes,
  ...vacationRoutes,
  ...domainRoutes,
  ...accountRoutes,
  ...aliasRoutes,
  ...exchangeRoutes,
  ...tokenRoutes,
  ...logRoutes,
  ...operationRoutes,
  ...traceRoutes,
  ...quarantineRoutes,
];

export interface FoundRoute {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** The route of a method and path; `other-method` when the path is there for another one. */
export function findRoute(method: string, path: string): FoundRoute | 'other-method' | undefined {
  let other = false;
  for (const { route, pattern, names } of PATTERNS) {
    const match = pattern.exec(path);
    if (match === null) continue;
    if (route.method !== method) {
      other = true;
      continue;
    }
    const params: Record<string, string> = {};
    for (const [index, name] of names.entries()) params[name] = decoded(match[index + 1] ?? '');
    return { route, params };
  }
  return other ? 'other-method' : undefined;
}

const PATTERNS = ROUTES.map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replaceAll(/\{[a-z]+\}/gi, '([^/]+)')}$`),
  names: [...route.path.matchAll(/\{([a-z]+)\}/gi)].map((match) => match[1] ?? ''),
}));

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not percent-encoding: no name that anything has.
    return text;
  }
}
