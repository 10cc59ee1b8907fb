import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { tokenHash } from '@postern/store/sign-in/tokens.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';
import { type ImapBackends, startImapBackends, startImapStore } from '../support/imap-store.ts';
import { type EmbeddedForTest, startEmbedded } from './embedded.ts';

/** docs/sign-in.md: whoever changes a password by LDAP, by any tool, ends the sessions of the tokens that were made under it. */
let backends: ImapBackends;
let embedded: EmbeddedForTest;

beforeAll(async () => {
  [backends, embedded] = await Promise.all([startImapBackends(), startEmbedded()]);
});
afterAll(async () => {
  await embedded?.stop();
  await backends?.stop();
});

const dnOf = (user: string): string =>
  `mail=${user}@domain1.example,jvd=domain1.example,o=hosting,dc=myhosting,dc=example`;

async function change(at: { url: string; ca: string }, user: string, from: string, to: string): Promise<void> {
  const login = ['-x', '-ZZ', '-H', at.url, '-D', dnOf(user), '-w', from];
  const env = { ...process.env, LDAPTLS_CACERT: at.ca };
  await promisify(execFile)('ldappasswd', [...login, '-s', to, dnOf(user)], { timeout: 60_000, env });
}

describe.each(['slapd', 'embedded'])('a password that is changed in %s', (which) => {
  test('ends tokens made before, and none made after', async () => {
    const at = which === 'slapd' ? backends.slapd : embedded;
    const slapd = { ...backends.slapd, url: at.url, ca: at.ca };
    const settings = { trustedPeers: ['mx.example'], tokenRecheckMs: 200 };
    const store = await startImapStore(settings, { ...backends, slapd });
    const clients: ImapDialogue[] = [];
    const connect = async (): Promise<ImapDialogue> => {
      const client = await connectImap(store.tlsPort, { ca: store.ca, identity: store.pki.public });
      clients.push(client);
      return client;
    };
    /** Signs in by password, and has a token made. */
    const makeToken = async (user: string, password: string): Promise<string> => {
      const client = await connect();
      expect(await client.command(`LOGIN ${user}@domain1.example ${password}`)).toMatch(/^TAG OK/);
      const token = `${user}-${password}`;
      const value = JSON.stringify({ sha256: tokenHash(token).toString('hex'), scope: 'all', lifetimeMs: 600_000 });
      const entry = `/private/vendor/postern/token/${password}`;
      expect(await client.command(`SETMETADATA "" (${entry} {${value.length}+}\r\n${value})`)).toMatch(/^TAG OK/);
      return token;
    };
    const open = async (token: string): Promise<ImapDialogue> => {
      const client = await connect();
      const credentials = Buffer.from(`n,,\x01auth=Bearer ${token}\x01\x01`).toString('base64');
      expect(await client.command(`AUTHENTICATE OAUTHBEARER ${credentials}`)).toMatch(/^TAG OK/);
      return client;
    };
    try {
      const before = await open(await makeToken('user1', 'user1'));
      const neighbour = await open(await makeToken('user2', 'user2'));
      await change(at, 'user1', 'user1', 'second');
      expect(await before.closed()).toContain('* BYE [EXPIRED]');

      const after = await open(await makeToken('user1', 'second'));
      if (which === 'slapd') {
        // Longer than the second in which slapd tells the time of a change; by an administrator's tool this time.
        await new Promise((done) => setTimeout(done, 1_100));
        await backends.slapd.modify(
          `dn: ${dnOf('user1')}\nchangetype: modify\nreplace: userPassword\nuserPassword: third\n`,
        );
        expect(await after.closed()).toContain('* BYE [EXPIRED]');
      } else expect(await after.command('NOOP')).toMatch(/TAG OK/);
      expect(await neighbour.command('NOOP')).toMatch(/TAG OK/);
    } finally {
      for (const client of clients) client.close();
      await store.stop();
    }
  });
});
