import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

/** What the figures were measured on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Versions of the programs by name. */
  readonly programs: Readonly<Record<string, string>>;
}

const PACKAGES = ['mariadb-server-core', 'slapd', 'postfix', 'dovecot-core', 'roundcube-core', 'php-cli', 'chromium'];

export function thisMachine(): Machine {
  const programs = PACKAGES.map((name) => {
    const { stdout } = spawnSync('dpkg-query', ['-W', '-f', '$' + '{Version}', name], { encoding: 'utf8' });
    return [name, stdout?.trim() || 'unknown'] as const;
  });
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    programs: Object.fromEntries(programs),
  };
}
