import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClientService, startClientService } from '../support/client-service.ts';
import { type ImapBackends, startImapBackends } from '../support/imap-store.ts';
import { mustRun, type ProgramResult, runProgram } from '../support/program.ts';

/** ManageSieve clients that nobody here wrote: both begin TLS by STARTTLS and verify the certificate. */
let backends: ImapBackends;
let service: ClientService;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-sieve-'));
  backends = await startImapBackends();
  // STARTTLS is a must.
  service = await startClientService(backends, { managesieve: { allowPlaintextLoopback: false } });
});
afterAll(async () => {
  await service?.stop();
  await backends?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const GOOD =
  'require ["fileinto", "envelope"];\r\nif header :contains "list-id" "dev" {\r\n  fileinto "Archive";\r\n}\r\n';
const BAD = 'keep;\r\nfileinto "no require";\r\n';

async function stored(address: string): Promise<{ name: string; active: boolean; text: string | undefined }[]> {
  const { id } = await service.account(address);
  const { scripts } = service.mailstore;
  const all = await scripts.list(id);
  return Promise.all(all.map(async ({ name, active }) => ({ name, active, text: await scripts.get(id, name) })));
}

test('sieve-connect uploads, activates, lists, downloads, checks, deletes; and shows the line of an error', async () => {
  const ADDRESS = 'user1@domain1.example';
  const local = join(folder, 'main.sieve');
  writeFileSync(local, GOOD);
  const sieveConnect = (...args: string[]): Promise<ProgramResult> =>
    runProgram(
      'sieve-connect',
      [
        ...[
          '--server',
          'localhost',
          '--port',
          String(service.ports.managesieve),
          '--user',
          ADDRESS,
          '--passwordfd',
          '0',
        ],
        ...['--tlscafile', backends.pki.ca, ...args],
      ],
      { input: 'user1\n', env: { HOME: folder } },
    );
  const must = async (...args: string[]): Promise<string> => {
    const { status, output } = await sieveConnect(...args);
    expect(`${status} ${output}`).toMatch(/^0 /);
    return output;
  };
  await must('--upload', '--localsieve', local, '--remotesieve', 'main');
  await must('--activate', '--remotesieve', 'main');
  expect(await stored(ADDRESS)).toEqual([{ name: 'main', active: true, text: GOOD }]);
  expect(await must('--list')).toMatch(/"?main"? ACTIVE/);
  const copy = join(folder, 'copy.sieve');
  await must('--download', '--remotesieve', 'main', '--localsieve', copy);
  expect(readFileSync(copy, 'latin1').replaceAll('\r\n', '\n')).toBe(GOOD.replaceAll('\r\n', '\n'));

  writeFileSync(local, BAD);
  const refused = await sieveConnect('--upload', '--localsieve', local, '--remotesieve', 'bad');
  expect(refused.status).not.toBe(0);
  expect(refused.output).toMatch(/line 2: .*fileinto/);
  expect((await sieveConnect('--checkscript', '--localsieve', local)).output).toMatch(/line 2: /);

  await must('--deactivate');
  await must('--delete', '--remotesieve', 'main');
  expect(await stored(ADDRESS)).toEqual([]);
}, 60_000);

test('sievelib does what its manual shows, with names beyond ASCII', async () => {
  const script = `
import ssl, sys
from sievelib.managesieve import Client
port, ca = int(sys.argv[1]), sys.argv[2]
# The library makes a context of its own: ours verifies.
ssl.wrap_socket = lambda sock, *a, **k: ssl.create_default_context(cafile=ca).wrap_socket(sock, server_hostname='localhost')
c = Client('localhost', port)
assert c.connect('user2@domain1.example', 'user2', starttls=True, authmech='PLAIN'), c.errmsg
assert 'fileinto' in c.get_sieve_capabilities()
good = open(sys.argv[3]).read()
assert c.havespace('x', len(good)), c.errmsg
assert c.putscript('x', good), c.errmsg
assert c.putscript('Grüße', 'keep;'), c.errmsg
assert c.setactive('x'), c.errmsg
print(c.listscripts())
assert not c.putscript('bad', 'keep'), 'taken'
print(c.errmsg)
assert not c.deletescript('x'), 'deleted'
assert c.renamescript('x', 'y'), c.errmsg
assert c.getscript('y').replace('\\r\\n', '\\n').strip() == good.strip()
assert c.checkscript('keep;'), c.errmsg
assert c.setactive(''), c.errmsg
assert c.deletescript('y'), c.errmsg
c.logout()
`;
  const local = join(folder, 'lib.sieve');
  writeFileSync(local, GOOD.replaceAll('\r\n', '\n'));
  const said = await mustRun(
    '/usr/bin/python3',
    ['-c', script, String(service.ports.managesieve), backends.pki.ca, local],
    { env: { PYTHONIOENCODING: 'utf-8' } },
  );
  expect(said).toContain("('x', ['Grüße'])");
  expect(said).toMatch(/line 1: /);
  expect(await stored('user2@domain1.example')).toEqual([{ name: 'Grüße', active: false, text: 'keep;' }]);
}, 60_000);
