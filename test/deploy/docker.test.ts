import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get, type RequestOptions } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { NODE_ARGUMENTS } from '@postern/shared/runtime/node-arguments.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { type BuiltImage, buildInFolders } from './dockerfile.ts';

const ROOT = join(import.meta.dirname, '../..');
const DOCKER = join(ROOT, 'infra/docker');
const IMAGES = ['certificates', 'relay', 'webmail', 'store'] as const;
/** Where the addresses of the sample configuration lie on this machine. */
const HERE: Readonly<Record<string, string>> = {
  '10.10.1.25': '127.0.0.1',
  '10.10.2.25': '127.0.0.2',
  '10.10.1.44': '127.0.0.1',
  '10.10.2.44': '127.0.0.2',
  '10.20.1.24': '127.0.0.3',
  '10.20.1.39': '127.0.0.1',
  '10.20.1.33': '127.0.0.1',
};

let folder: string;
let built: Record<(typeof IMAGES)[number], BuiltImage>;
const children: ChildProcess[] = [];

/** As much of a compose file as is looked at. */
interface ComposeService {
  readonly network_mode?: string;
  readonly networks?: object;
  readonly cap_add?: readonly string[];
  readonly build?: { readonly dockerfile: string };
  readonly environment?: object;
  readonly secrets?: readonly (string | { readonly source: string })[];
  readonly volumes?: readonly (string | { readonly source: string })[];
}
interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-docker-'));
  const images = await Promise.all(
    IMAGES.map(async (name) => [name, await buildInFolders(`infra/docker/${name}/Dockerfile`, join(folder, name))]),
  );
  built = Object.fromEntries(images);
}, 600_000);

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const at = (...names: string[]): string => join(folder, ...names);
const secret = (name: string): string => readFileSync(at('secrets', name), 'utf8');

/** Every file of an image, relative to its work folder. */
function filesOf(image: BuiltImage): string[] {
  return readdirSync(image.workFolder, { recursive: true, encoding: 'utf8' });
}

it.each([
  ['relay', 'webmail'],
  ['webmail', 'relay'],
] as const)(
  'gives %s no line of the store’s code, none of %s, no database driver and no tool that signs',
  (own, other) => {
    const files = filesOf(built[own]);
    expect(files).toContain(`gateway/${own}/main.ts`);
    expect(files.filter((path) => /(^|\/)(mysql2|knex|selfsigned|vite)(\/|$)/.test(path))).toEqual([]);
    expect(files.filter((path) => /^(store|schema|infra|test)(\/|$)/.test(path))).toEqual([]);
    expect(files.filter((path) => path.startsWith(`gateway/${other}`))).toEqual([]);
    expect(files.filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules'))).toEqual([]);
  },
);

it('gives the store no line of the gateway’s code; each runs as a user of its own, on the Node and with the packages of this project', () => {
  const store = filesOf(built.store);
  expect(store).toContain('node_modules/mysql2/package.json');
  expect(store.filter((path) => /^(gateway|infra|test)(\/|$)/.test(path))).toEqual([]);
  expect(store.filter((path) => /^node_modules\/vite(\/|$)/.test(path))).toEqual([]);
  expect(built.relay.user).toBe('10001:10001');
  expect(built.store.user).toBe('10001:10001');
  expect(built.webmail.user).toBe('10003:10003');
  const dependenciesOf = (path: string, kind = 'dependencies'): Record<string, string> =>
    JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8'))[kind];
  const { node, ...tools } = dependenciesOf('', 'devDependencies');
  for (const [name, version] of Object.entries(dependenciesOf('infra/docker/web-apps'))) {
    expect(tools[name], name).toBe(version);
  }
  for (const [name, version] of Object.entries(dependenciesOf('infra/docker/certificates'))) {
    expect(dependenciesOf('infra')[name], name).toBe(version);
  }
  for (const name of IMAGES) {
    const text = readFileSync(join(DOCKER, name, 'Dockerfile'), 'utf8');
    expect(
      [...text.matchAll(/^FROM (node:\S+)/gm)].map(([, image]) => image),
      name,
    ).toEqual(expect.arrayContaining([`node:${node}-bookworm-slim`]));
  }
});

/** Lets the kernel choose the port of everything that is called `listen…`. */
function withFreePorts(value: unknown, listens = false): unknown {
  if (Array.isArray(value)) return value.map((one) => withFreePorts(one, listens));
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, withFreePorts(child, listens || /^listen/.test(key))]),
  );
  return listens && 'address' in copy ? { ...copy, port: 0 } : copy;
}

async function freePort(address: string): Promise<number> {
  const server = createServer();
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A sample configuration with this machine's addresses, free ports and paths, and the keys that were given to this part. */
function here(name: string, part: string, change: (settings: ReturnType<typeof parse>) => void): string {
  let yaml = readFileSync(join(DOCKER, 'config', name), 'utf8');
  for (const [from, to] of Object.entries(HERE)) yaml = yaml.replaceAll(from, to);
  yaml = yaml
    .replaceAll('/run/secrets', at('secrets'))
    .replaceAll('/var/lib/postern/', `${at('var')}/`)
    .replaceAll('/etc/postern/pki', at('given', part));
  const settings = withFreePorts(parse(yaml));
  change(settings);
  writeFileSync(at(name), stringify(settings));
  return at(name);
}

/** What a process says of where it listens. */
type Ports = Readonly<Record<string, number>> & { readonly https?: readonly number[] };

/** Starts what ENTRYPOINT says, in the image's folder; resolves with the ports of its `ready` message. */
async function start(image: BuiltImage, config: string): Promise<Ports> {
  const [, ...options] = image.entryPoint;
  const script = options.pop() ?? '';
  expect(options).toEqual(NODE_ARGUMENTS);
  const child = spawn(process.execPath, [script, '--config', config], {
    cwd: image.workFolder,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { PATH: process.env.PATH },
  });
  children.push(child);
  for (;;) {
    const [message] = (await once(child, 'message')) as [{ ready?: boolean; sentence?: string } & Ports];
    if (message.ready === true) return message;
  }
}

it('starts from nothing: secrets, certificates, the directory with its tree, relay, store and webmail with their web apps', async () => {
  const prepared = spawnSync('sh', [join(DOCKER, 'prepare.sh'), '--no-rules'], {
    env: { ...process.env, POSTERN_SECRETS: at('secrets') },
    encoding: 'utf8',
  });
  expect(prepared.stderr).toBe('');
  expect(secret('ldap_relay')).toMatch(/^[0-9a-f]{48}$/);
  expect(secret('database_url')).toContain(secret('database_password'));

  // certificates
  const plan = parse(readFileSync(join(DOCKER, 'config/certificates.yaml'), 'utf8'));
  for (const given of plan.give) {
    given.folder = at('given', given.folder.replace('/given/', ''));
    if (process.getuid?.() !== 0) delete given.owner;
  }
  writeFileSync(at('certificates.yaml'), stringify(plan));
  const [, script = '', ...rest] = built.certificates.entryPoint;
  const made = spawnSync(
    process.execPath,
    [script, ...rest, 'make', '--plan', at('certificates.yaml'), '--folder', at('authority')],
    { cwd: built.certificates.workFolder, encoding: 'utf8' },
  );
  expect(made.stderr).toBe('');
  expect(readdirSync(at('given', 'relay')).sort()).toEqual([
    'ca.pem',
    'public.key',
    'public.pem',
    'relay.key',
    'relay.pem',
  ]);
  const pairs = (...names: string[]) => ['ca.pem', ...names.flatMap((name) => [`${name}.key`, `${name}.pem`])].sort();
  expect(readdirSync(at('given', 'store')).sort()).toEqual(pairs('store', 'hub', 'console'));
  expect(readdirSync(at('given', 'webmail')).sort()).toEqual(pairs('webmail', 'webmail-public'));

  // the directory
  const ldap = await freePort('127.0.0.1');
  const env = {
    ...process.env,
    POSTERN_DIRECTORY_HOME: at('directory'),
    POSTERN_SCHEMA: join(ROOT, 'schema/ldap'),
    POSTERN_PKI: at('given', 'directory'),
    POSTERN_SECRETS: at('secrets'),
    POSTERN_LDAP_URLS: `ldap://127.0.0.1:${ldap}/`,
  };
  children.push(spawn('sh', [join(DOCKER, 'openldap/start.sh')], { env, stdio: ['ignore', 'inherit', 'inherit'] }));
  const bind = (dn: string, password: string) =>
    spawnSync(
      'ldapsearch',
      [
        '-x',
        '-ZZ',
        '-H',
        `ldap://127.0.0.1:${ldap}`,
        '-D',
        dn,
        '-w',
        password,
        '-b',
        'o=hosting,dc=myhosting,dc=example',
        '-LLL',
        '(mail=user1@domain1.example)',
        'mail',
      ],
      {
        encoding: 'utf8',
        env: { ...process.env, LDAPTLS_CACERT: at('given', 'directory', 'ca.pem'), LDAPTLS_REQCERT: 'allow' },
      },
    );
  await expect
    .poll(() => bind('cn=relay,dc=myhosting,dc=example', secret('ldap_relay')).stdout, { timeout: 15_000 })
    .toContain('mail: user1@domain1.example');
  expect(bind('cn=store,dc=myhosting,dc=example', secret('ldap_store')).status).toBe(0);
  expect(bind('cn=relay,dc=myhosting,dc=example', 'relay').status).toBe(49);

  // the tiers
  mkdirSync(at('var'));
  const gateway = here('gateway.yaml', 'relay', (settings) => {
    settings.directory.urls = [`ldap://127.0.0.1:${ldap}`];
  });
  const store = here('store.yaml', 'store', (settings) => {
    settings.directory.urls = [`ldap://127.0.0.1:${ldap}`];
  });
  const [relayPorts, storePorts] = await Promise.all([start(built.relay, gateway), start(built.store, store)]);
  const webmail = here('webmail.yaml', 'webmail', (settings) => {
    settings.store.port = storePorts.imaps;
  });
  const webmailPorts = await start(built.webmail, webmail);
  expect((await fetch(`http://127.0.0.2:${relayPorts.metrics}/readyz`)).status).toBe(200);
  const metrics = await (await fetch(`http://127.0.0.3:${storePorts.metrics}/metrics`)).text();
  expect(metrics).toContain('postern_directory_up 1');
  // There is no database here: the store runs, and says that it is not ready.
  expect((await fetch(`http://127.0.0.3:${storePorts.metrics}/readyz`)).status).toBe(503);
  // All that the sample settings switch on listens.
  expect(storePorts).toMatchObject(
    Object.fromEntries(
      ['lmtp', 'imap', 'imaps', 'pop3', 'pop3s', 'managesieve', 'hub', 'submission', 'submissions', 'console'].map(
        (name) => [name, expect.any(Number)],
      ),
    ),
  );
  // Each web app is what was built, behind a certificate of the CA that was made.
  const ca = readFileSync(at('given', 'webmail', 'ca.pem'), 'utf8');
  for (const [address, port, name] of [
    ['127.0.0.1', webmailPorts.https?.[0], 'mail.example.org'],
    ['127.0.0.3', storePorts.console, 'console.corp.example.org'],
  ] as const) {
    const page = await getPage({ host: address, port, servername: name, ca, headers: { host: name } });
    expect(page, name).toMatch(/<script [^>]*src="[^"]*\/?assets\/[^"]+\.js"/);
  }
}, 300_000);

async function getPage(options: RequestOptions): Promise<string> {
  const [response] = (await once(get({ ...options, path: '/' }), 'response')) as [IncomingMessage];
  return await text(response);
}

/** What `docker-compose config` makes of compose files: checked against its schema, references resolved. */
function composed(...files: string[]): ComposeFile {
  const result = spawnSync(
    'docker-compose',
    [...files.flatMap((file) => ['-f', join(ROOT, file)]), '--profile', 'clamav', '--profile', 'rspamd', 'config'],
    { encoding: 'utf8', cwd: ROOT },
  );
  expect(result.stderr.replace(/.*(?:DeprecationWarning|pkg_resources).*\n?/g, ''), files.join(' ')).toBe('');
  return parse(result.stdout);
}

it('compose: the store stands on no network of the DMZ, and nobody has more than NET_BIND_SERVICE', () => {
  const whole = composed('docker-compose.yml');
  const networksOf = (name: string): string[] => {
    const [, owner] = /^service:(.*)/.exec(whole.services[name]?.network_mode ?? '') ?? [];
    return Object.keys(whole.services[owner ?? name]?.networks ?? {}).sort();
  };
  for (const name of ['relay', 'webmail']) expect(networksOf(name), name).toEqual(['dmz', 'internet-edge']);
  for (const name of ['store', 'mysql', 'openldap']) expect(networksOf(name), name).toEqual(['corporate']);
  expect(networksOf('inner-firewall')).toEqual(['corporate', 'dmz']);
  expect(whole.networks.corporate?.internal).toBe(true);
  expect(whole.networks.dmz?.internal).toBe(true);
  const files = [
    'docker-compose.yml',
    ...['gateway', 'webmail', 'store', 'data'].map((name) => `infra/docker/hosts/${name}.compose.yaml`),
  ];
  for (const file of files) {
    for (const [name, service] of Object.entries(composed(file).services)) {
      expect(service, `${file}: ${name}`).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
      const job = /-rules$|^inner-firewall$/.test(name)
        ? ['NET_ADMIN']
        : name === 'certificates'
          ? ['CHOWN', 'DAC_OVERRIDE']
          : undefined;
      const allowed = job ?? ['NET_BIND_SERVICE'];
      expect(
        (service.cap_add ?? []).filter((one) => !allowed.includes(one)),
        `${file}: ${name}`,
      ).toEqual([]);
      if (service.build !== undefined) expect(existsSync(join(ROOT, service.build.dockerfile)), name).toBe(true);
      const text = JSON.stringify(service.environment ?? {});
      expect(text, `${file}: ${name}`).not.toMatch(/PASSWORD":/);
    }
  }
  // Each part sees its own keys and secrets, and no other's.
  const sees = (name: string): string[] => {
    const { secrets = [], volumes = [] } = whole.services[name] ?? {};
    return [...secrets, ...volumes].map(
      (one) => (typeof one === 'string' ? one : one.source).replace(ROOT, '').split(':')[0] ?? '',
    );
  };
  expect(sees('relay')).toContain('ldap_relay');
  expect(sees('relay').filter((one) => /database|store|authority|admin/.test(one))).toEqual([]);
  expect(sees('store').filter((one) => /relay|authority|admin|root/.test(one))).toEqual([]);
  expect(sees('webmail').filter((one) => /ldap|database|store|authority|admin|relay|spool/.test(one))).toEqual([]);
  composed('infra/docker/hosts/store.compose.yaml', 'infra/docker/hosts/data.compose.yaml');
  composed('infra/docker/hosts/gateway.compose.yaml', 'infra/docker/hosts/webmail.compose.yaml');
});
