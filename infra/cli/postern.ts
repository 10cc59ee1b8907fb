#!/usr/bin/env node

/** `postern COMMAND …`. Each command is loaded when it is asked for: a gateway's host has neither the store's code nor a CA. */
const COMMANDS: Readonly<
  Record<string, { says: string; load(): Promise<(args: readonly string[]) => Promise<number>> }>
> = {
  trace: {
    says: 'the way of a message through gateway and store',
    load: async () => (await import('./trace.ts')).trace,
  },
  doctor: {
    says: 'whether an installation works end to end, and what to do if not',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  certificates: {
    says: 'a CA of your own and its certificates: make, renew, show',
    load: async () => (await import('./certificates.ts')).certificates,
  },
};

const USAGE = `usage: postern COMMAND …\n\n${Object.entries(COMMANDS)
  .map(([name, { says }]) => `  ${name.padEnd(14)}${says}\n`)
  .join('')}\n'postern COMMAND --help' tells the rest.\n`;

async function main([name = '', ...rest]: readonly string[]): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const help = ['--help', '-h', 'help'].includes(name);
    (help ? process.stdout : process.stderr).write(USAGE);
    return help ? 0 : 2;
  }
  try {
    return await (await command.load())(rest);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!code.startsWith('ERR_PARSE_ARGS')) throw error;
    process.stderr.write(`postern ${name}: ${(error as Error).message}\n`);
    return 2;
  }
}

process.exitCode = await main(process.argv.slice(2));
