import { formatFactor } from '@postern/shared/sasl/factor.ts';
import { makeAppPassword } from '@postern/shared/sign-in/app-password.ts';
import { encodeBase32, makeTotpSecret, totpCode, totpStep } from '@postern/shared/sign-in/totp.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';
import { type ImapStore, startImapStore } from '../support/imap-store.ts';

/** docs/sign-in.md, over IMAP as a webmail host speaks it, on a real slapd with its access rules. */
const USER = 'user3@domain1.example';
const FACTOR = '/private/vendor/postern/second-factor';
const APP = '/private/vendor/postern/app-password';
const REFUSED = 'TAG NO [AUTHENTICATIONFAILED] Authentication failed';

let store: ImapStore;
const clients: ImapDialogue[] = [];
beforeAll(async () => {
  store = await startImapStore({ trustedPeers: ['mx.example'] });
});
afterAll(async () => {
  for (const client of clients) client.close();
  await store?.stop();
});

async function connectHost(identity = store.pki.public): Promise<ImapDialogue> {
  const client = await connectImap(store.tlsPort, { ca: store.ca, identity });
  clients.push(client);
  return client;
}

async function webmail(password: string, code: string, user = USER): Promise<{ client: ImapDialogue; answer: string }> {
  const client = await connectHost();
  const response = formatFactor({ authorizationId: '', user, password, code });
  return { client, answer: lastLine(await client.command(`AUTHENTICATE X-POSTERN-FACTOR ${response}`)) };
}

async function login(password: string, user = USER): Promise<string> {
  const client = await connectHost();
  return lastLine(await client.command(`LOGIN ${user} ${password}`));
}

async function write(client: ImapDialogue, entry: string, value: object | undefined): Promise<string> {
  const text =
    value === undefined ? 'NIL' : `{${Buffer.byteLength(JSON.stringify(value))}+}\r\n${JSON.stringify(value)}`;
  return lastLine(await client.command(`SETMETADATA "" (${entry} ${text})`));
}

const read = (client: ImapDialogue, entry: string): Promise<string> =>
  client.command(`GETMETADATA (DEPTH infinity) "" ${entry}`);
const lastLine = (answer: string): string => answer.trimEnd().split('\r\n').at(-1) ?? '';

test('the mechanism is offered to hosts with their certificate, and to nobody else', async () => {
  const host = await connectHost();
  expect(host.greeting).toContain('AUTH=X-POSTERN-FACTOR');
  const stranger = await connectHost(store.pki.stranger);
  expect(stranger.greeting).not.toContain('X-POSTERN-FACTOR');
  const response = formatFactor({ authorizationId: '', user: USER, password: 'user3', code: '' });
  expect(await stranger.command(`AUTHENTICATE X-POSTERN-FACTOR ${response}`)).toMatch(/TAG NO \[CANNOT\]/);
});

describe('an account with a second factor', () => {
  const secret = makeTotpSecret();
  // Codes are good once, in their order: the one before, the present one, the next one are all within the drift.
  const code = (offset: number): string => totpCode(secret, totpStep(Date.now()) + offset);
  let proof = '';
  const app = makeAppPassword();

  test('turning it on asks for the password and for a code of the new secret', async () => {
    const { client, answer } = await webmail('user3', '');
    expect(answer).toMatch(/^TAG OK/);
    expect(await read(client, FACTOR)).toContain('{\\"on\\":false}');
    proof = code(-1);
    const given = { secret: encodeBase32(secret), newCode: proof };
    expect(await write(client, FACTOR, { ...given, password: 'wrong' })).toMatch(/NO \[AUTHENTICATIONFAILED\]/);
    expect(await write(client, FACTOR, { ...given, password: 'user3', newCode: '000000' })).toMatch(
      /NO \[CANNOT\].*code/,
    );
    expect(await write(client, FACTOR, { password: 'user3' })).toMatch(/NO \[CANNOT\]/);
    expect(await read(client, FACTOR)).toContain('{\\"on\\":false}');
    expect(await write(client, FACTOR, { ...given, password: 'user3' })).toMatch(/^TAG OK/);
    expect(await read(client, FACTOR)).toContain('\\"on\\":true');
  });

  test('the main password opens webmail with a code alone, once for each code, and nothing else', async () => {
    for (const [password, given] of [
      ['user3', ''],
      ['user3', '000000'],
      ['user3', proof],
      ['wrong', code(0)],
    ] as const) {
      expect((await webmail(password, given)).answer).toBe(REFUSED);
    }
    expect(await login('user3')).toBe(REFUSED);
    const present = code(0);
    expect((await webmail('user3', present)).answer).toMatch(/^TAG OK/);
    expect((await webmail('user3', present)).answer).toBe(REFUSED);
  });

  test('an app password is made with password and next code, and opens IMAP but not webmail', async () => {
    const { client } = await webmailWithNextCode();
    const request = { password: 'user3', label: 'Phone', services: ['imap'], appPassword: app.password };
    // The code of the sign-in is used up, so the account is unlocked for the test by the administrator's way: a fresh secret.
    expect(await write(client, `${APP}/${app.name}`, request)).toMatch(/NO \[AUTHENTICATIONFAILED\]/);
    await rewindCodes();
    expect(await write(client, `${APP}/other`, { ...request, code: code(0) })).toMatch(/NO \[CANNOT\]/);
    expect(await write(client, `${APP}/${app.name}`, { ...request, code: code(0) })).toMatch(/^TAG OK/);
    expect(await login(app.password)).toMatch(/^TAG OK/);
    expect(await login(`${app.password.slice(0, -1)}${app.password.endsWith('a') ? 'b' : 'a'}`)).toBe(REFUSED);
    expect(await login(app.password, 'user2@domain1.example')).toBe(REFUSED);
    await rewindCodes();
    expect((await webmail(app.password, code(0))).answer).toBe(REFUSED);
    const listed = await read(client, APP);
    expect(listed).toContain(`${APP}/${app.name}`);
    expect(listed).toMatch(
      /\\"label\\":\\"Phone\\",\\"services\\":\[\\"imap\\"\],\\"createdAtMs\\":\d+,\\"lastUsedAtMs\\":\d+/,
    );
    expect(listed).not.toContain(app.password);
  });

  test('one for another service does not open IMAP; a removed one opens nothing', async () => {
    await rewindCodes();
    const { client } = await webmail('user3', code(0));
    const other = makeAppPassword();
    await rewindCodes();
    const request = { password: 'user3', code: code(0), label: '', services: ['pop3'], appPassword: other.password };
    expect(await write(client, `${APP}/${other.name}`, request)).toMatch(/^TAG OK/);
    expect(await login(other.password)).toBe(REFUSED);
    expect(await write(client, `${APP}/${app.name}`, undefined)).toMatch(/^TAG OK/);
    expect(await login(app.password)).toBe(REFUSED);
    expect(await read(client, APP)).not.toContain(app.name);
  });

  test('no app password works while its account is suspended', async () => {
    await rewindCodes();
    const { client } = await webmail('user3', code(0));
    const fresh = makeAppPassword();
    await rewindCodes();
    const request = { password: 'user3', code: code(0), services: ['imap'], appPassword: fresh.password };
    expect(await write(client, `${APP}/${fresh.name}`, request)).toMatch(/^TAG OK/);
    expect(await login(fresh.password)).toMatch(/^TAG OK/);
    await setActive(false);
    expect(await login(fresh.password)).toBe(REFUSED);
    await setActive(true);
    expect(await login(fresh.password)).toMatch(/^TAG OK/);
  });

  test('turning it off asks for both; then the main password opens everything again', async () => {
    await rewindCodes();
    const { client } = await webmail('user3', code(0));
    await rewindCodes();
    expect(await write(client, FACTOR, { password: 'user3', off: true })).toMatch(/NO \[AUTHENTICATIONFAILED\]/);
    expect(await write(client, FACTOR, undefined)).toMatch(/NO/);
    expect(await write(client, FACTOR, { password: 'user3', code: code(0), off: true })).toMatch(/^TAG OK/);
    expect(await login('user3')).toMatch(/^TAG OK/);
    expect((await webmail('user3', '')).answer).toMatch(/^TAG OK/);
  });

  test('the directory’s marker decides: a marker without a secret lets nobody in by the main password', async () => {
    const dn = `mail=user2@domain1.example,jvd=domain1.example,${store.slapd.baseDn}`;
    await store.slapd.modify(
      `dn: ${dn}\nchangetype: modify\nadd: objectClass\nobjectClass: posternSecondFactor\n-\nadd: secondFactor\nsecondFactor: TRUE\n`,
    );
    expect(await login('user2', 'user2@domain1.example')).toBe(REFUSED);
    expect((await webmail('user2', '123456', 'user2@domain1.example')).answer).toBe(REFUSED);
    await store.slapd.modify(`dn: ${dn}\nchangetype: modify\nreplace: secondFactor\nsecondFactor: FALSE\n`);
    expect(await login('user2', 'user2@domain1.example')).toMatch(/^TAG OK/);
  });

  const accountId = async (): Promise<number> => (await store.mailstore.accounts.find(USER))?.id ?? 0;

  /** Gives the account its codes back, as waiting for the next half minute would. */
  async function rewindCodes(): Promise<void> {
    await store.mailstore.secondFactors.put(await accountId(), secret, totpStep(Date.now()) - 2);
  }

  async function webmailWithNextCode(): Promise<{ client: ImapDialogue }> {
    const { client, answer } = await webmail('user3', code(1));
    expect(answer).toMatch(/^TAG OK/);
    return { client };
  }

  async function setActive(active: boolean): Promise<void> {
    await store.slapd.modify(
      `dn: mail=${USER},jvd=domain1.example,${store.slapd.baseDn}\nchangetype: modify\nreplace: accountActive\naccountActive: ${active ? 'TRUE' : 'FALSE'}\n`,
    );
  }
});
