import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../infra/demo/free-port.ts';
import { type ForegroundServer, startForegroundServer } from './foreground-server.ts';

export interface Roundcube extends ForegroundServer {
  readonly url: string;
}

const DEBIAN = '/var/lib/roundcube/public_html';
const SCHEMA = '/usr/share/roundcube/SQL/sqlite.initial.sql';

/** Debian's Roundcube before an IMAP server: PHP's own web server with four processes and its compiled code kept, SQLite for its settings. */
export async function startRoundcube(folder: string, imapPort: number): Promise<Roundcube> {
  const config = join(folder, 'roundcube');
  for (const name of ['logs', 'temp']) mkdirSync(join(config, name), { recursive: true });
  for (const name of ['defaults.inc.php', 'mimetypes.php']) copyFileSync(`/etc/roundcube/${name}`, join(config, name));
  const database = join(config, 'settings.db');
  const made = spawnSync('php', ['-r', `(new PDO('sqlite:${database}'))->exec(file_get_contents('${SCHEMA}'));`]);
  if (made.status !== 0) throw new Error(`the database of Roundcube: ${made.stderr.toString()}`);
  writeFileSync(
    join(config, 'config.inc.php'),
    `<?php
$config['db_dsnw'] = 'sqlite:///${database}?mode=0600';
$config['imap_host'] = '127.0.0.1:${imapPort}';
$config['des_key'] = '${'0123456789abcdef01234567'}';
$config['plugins'] = [];
$config['log_dir'] = '${join(config, 'logs')}/';
$config['temp_dir'] = '${join(config, 'temp')}/';
$config['mail_pagesize'] = 50;
$config['enable_installer'] = false;
$config['login_rate_limit'] = 1000;
`,
  );
  const port = await freePort();
  const server = await startForegroundServer(
    [
      ...['/usr/bin/env', `ROUNDCUBE_CONFIG_DIR=${config}`, 'PHP_CLI_SERVER_WORKERS=4', '/usr/bin/php'],
      ...['-d', 'opcache.enable_cli=1', '-d', 'memory_limit=512M', '-S', `127.0.0.1:${port}`, '-t', DEBIAN],
    ],
    port,
  );
  return { ...server, url: `http://127.0.0.1:${port}` };
}

/** A session of Roundcube as its own page has one. */
export class RoundcubeClient {
  readonly #url: string;
  readonly #cookies = new Map<string, string>();
  #token = '';

  constructor(url: string) {
    this.#url = url;
  }

  get cookies(): ReadonlyMap<string, string> {
    return this.#cookies;
  }

  async signIn(user: string, password: string): Promise<void> {
    const page = await this.get('/?_task=login');
    const token = /name="_token" value="([^"]+)"/.exec(page)?.[1] ?? '';
    const form = {
      _token: token,
      _task: 'login',
      _action: 'login',
      _timezone: 'UTC',
      _url: '',
      _user: user,
      _pass: password,
    };
    await this.#ask('/?_task=login', { method: 'POST', body: new URLSearchParams(form) });
    const mail = await this.get('/?_task=mail');
    this.#token = /"request_token":"([^"]+)"/.exec(mail)?.[1] ?? '';
    if (this.#token === '') throw new Error(`Roundcube let nobody in: ${mail.slice(0, 500)}`);
  }

  get(path: string): Promise<string> {
    return this.#ask(path, {});
  }

  async #ask(path: string, init: RequestInit): Promise<string> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { cookie, 'x-roundcube-request': this.#token, 'x-requested-with': 'XMLHttpRequest' };
    const answer = await fetch(this.#url + path, { ...init, headers, redirect: 'manual' });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '' || value === '-del-') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return answer.text();
  }
}
