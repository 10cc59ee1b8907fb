import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADMINISTRATION_COMMANDS } from '@postern/store/cli/administration.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConsoleUnderTest, startConsoleUnderTest } from './console-under-test.ts';
import {
  asCommand,
  byToken,
  CHECKS,
  type CommandLine,
  one,
  POSTMASTER,
  type RoleCheck,
  SITE,
  USER,
} from './role-checks.ts';

/**
 * The list of role-checks.ts, by each door: the console's pages (a session), the API by a token, and the command line; on slapd and on the embedded
 * directory. What the directory says without any of them between, test/directory/access.test.ts asks.
 */
type Door = 'session' | 'token' | 'command line';

/** As the API has them: exit codes of the command line come with a kind. */
const STATUS: Readonly<Record<string, number>> = {
  forbidden: 403,
  'not-found': 404,
  exists: 409,
  invalid: 422,
  limit: 422,
  state: 409,
};

describe.each<[Door, 'slapd' | 'embedded']>([
  ['session', 'slapd'],
  ['session', 'embedded'],
  ['token', 'slapd'],
  ['token', 'embedded'],
  ['command line', 'slapd'],
  ['command line', 'embedded'],
])('by %s on %s', (door, kind) => {
  let server: ConsoleUnderTest;
  const cookies = new Map<string, string>();
  let token = '';
  beforeAll(async () => {
    server = await startConsoleUnderTest(kind);
    for (const who of [SITE, POSTMASTER, USER]) {
      cookies.set(who, await server.signIn(who));
      writeFileSync(join(server.pki.folder, who), who.split('@')[0] ?? '');
    }
    const actions = ['read', 'accounts', 'passwords', 'aliases', 'domain', 'import', 'delete'];
    const body = { label: 'roles', domains: ['domain1.example'], actions, lifetimeDays: 1 };
    token = (await server.ask('POST', '/api/tokens', { cookie: cookies.get(POSTMASTER), body })).json.token;
  });
  afterAll(() => server?.stop());

  async function answered(check: RoleCheck): Promise<{ status: number; text: string }> {
    const [, who, method, path, body] = check;
    if (door === 'command line') return byCommandLine(who, asCommand(check));
    const byTheToken = door === 'token' && who === POSTMASTER;
    return server.ask(method, path, { body, ...(byTheToken ? { token } : { cookie: cookies.get(who) }) });
  }

  async function byCommandLine(who: string, { name, words, options }: CommandLine) {
    const printed: string[] = [];
    const input = {
      config: server.config,
      words,
      options: { ...options, as: who, 'as-password-file': join(server.pki.folder, who) },
    };
    const code = await ADMINISTRATION_COMMANDS[name]?.run(server.mailstore, input, (text) => printed.push(text));
    const text = printed.join('\n');
    return { status: code === 0 ? 200 : (STATUS[(JSON.parse(text) as { kind: string }).kind] ?? 0), text };
  }

  test.each(CHECKS)('%s', async (...check) => {
    const { status, text } = await answered(check);
    expect(status, text).toBe(door === 'token' && check[1] === POSTMASTER ? byToken(check) : check[5]);
  });

  test('each sees what is theirs', async () => {
    const seen = async (who: string, kindOf: string) =>
      (await server.ask('GET', `/api/${kindOf}?size=200`, { cookie: cookies.get(who) })).json.items;
    const names = (await seen(SITE, 'domains')).map((domain: { name: string }) => domain.name);
    expect(names).toEqual(expect.arrayContaining(['domain1.example', 'domain2.example', 'new.example']));
    expect((await seen(POSTMASTER, 'domains')).map((domain: { name: string }) => domain.name)).toEqual([
      'domain1.example',
    ]);
    const accounts: { address: string }[] = await seen(POSTMASTER, 'accounts');
    expect(accounts.length).toBeGreaterThan(4);
    expect(accounts.every(({ address }) => address.endsWith('@domain1.example'))).toBe(true);
    const session = (await server.ask('GET', '/api/session', { cookie: cookies.get(POSTMASTER) })).json;
    expect(session).toMatchObject({ administrator: false, domains: ['domain1.example'] });
    expect((await server.ask('GET', '/api/session', { cookie: cookies.get(SITE) })).json.administrator).toBe(true);
  });

  test('a new domain has postmaster and abuse; the log tells postmasters of their own domain alone', async () => {
    const aliases = (await server.ask('GET', '/api/aliases?domain=new.example', { cookie: cookies.get(SITE) })).json
      .items;
    expect(aliases.map(({ address, targets }: { address: string; targets: string[] }) => [address, targets])).toEqual([
      ['postmaster@new.example', ['boss@new.example']],
      ['abuse@new.example', ['postmaster@new.example']],
    ]);
    const log = (await server.ask('GET', '/api/log?size=200', { cookie: cookies.get(POSTMASTER) })).json;
    expect(log.length).toBeGreaterThan(5);
    expect(log.every(({ domain }: { domain: string }) => domain === 'domain1.example')).toBe(true);
    expect(log).toContainEqual(
      expect.objectContaining({
        actor: door === 'token' ? 'token roles' : POSTMASTER,
        action: 'account-changed',
        target: 'ann@domain1.example',
        differences: [{ what: 'quotaBytes', from: '0', to: '1000' }],
      }),
    );
    expect((await server.ask('GET', '/api/log', { cookie: cookies.get(USER) })).json).toEqual([]);
    expect(JSON.stringify(log)).not.toContain('correct horse');
  });

  test('what else a change breaks is told before: aliases, forwards, roles', async () => {
    const answer = await server.ask('GET', one('accounts', POSTMASTER), { cookie: cookies.get(POSTMASTER) });
    expect(answer.json.references.postmasterOf).toEqual(['domain1.example']);
    expect(answer.json.references.aliases).toEqual(
      expect.arrayContaining([{ address: 'info@domain1.example', lastTarget: true }]),
    );
  });
});
