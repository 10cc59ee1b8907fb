import { expect, test } from 'vitest';
import { startImapBackends, startImapStore } from '../support/imap-store.ts';

test('RFC 5530 UNAVAILABLE: a database that goes away while sessions are open is no defect, and sessions stay', async () => {
  const backends = await startImapBackends();
  const store = await startImapStore({}, backends);
  try {
    const client = await store.signIn('user1@domain1.example', 'INBOX');
    const idling = await store.signIn('user1@domain1.example', 'INBOX');
    expect(await client.command('STATUS Sent (MESSAGES)')).toMatch(/^TAG OK/m);
    await backends.database.stop();
    expect(await client.command('STATUS Sent (MESSAGES)')).toMatch(/^TAG NO \[UNAVAILABLE\]/m);
    expect(await client.command('APPEND INBOX {4+}\r\nA:\r\n')).toMatch(/^TAG NO \[UNAVAILABLE\]/m);
    expect(await client.command('NOOP')).toMatch(/^TAG NO \[UNAVAILABLE\]/m);
    expect(await client.command('CAPABILITY')).toMatch(/^TAG OK/m);
    idling.send('i IDLE\r\n');
    expect(await idling.closed()).toContain('* BYE [UNAVAILABLE]');
  } finally {
    await store.stop();
    await backends.slapd.stop();
  }
});
