import { readVacation, type VacationSetting } from '@postern/shared/settings/vacation.ts';

/** The Sieve script that out-of-office settings stand for; undefined when they are off, or cannot be read. */
export function vacationScript(value: Buffer): string | undefined {
  const setting = readVacation(value);
  return typeof setting === 'string' || !setting.enabled ? undefined : scriptOf(setting);
}

function scriptOf({ from, to, subject, text, addresses, days }: VacationSetting): string {
  const tests: string[] = [];
  if (from !== undefined)
    tests.push(`currentdate :zone "+0000" :value "ge" "iso8601" ${quoted(utc(from, '00:00:00'))}`);
  if (to !== undefined) tests.push(`currentdate :zone "+0000" :value "le" "iso8601" ${quoted(utc(to, '23:59:59'))}`);
  const options = [
    `:days ${days}`,
    ...(subject === undefined || subject === '' ? [] : [`:subject ${quoted(subject)}`]),
    ...(addresses.length === 0 ? [] : [`:addresses [${addresses.map(quoted).join(', ')}]`]),
  ];
  const action = `vacation ${options.join(' ')} ${quoted(text)};`;
  const rule = tests.length === 0 ? action : `if allof(${[...tests, 'true'].join(', ')}) { ${action} }`;
  return `require ["vacation", "date", "relational"];\n${rule}\n`;
}

/** As `currentdate` writes it; a day alone begins, or ends, at midnight of UTC. */
function utc(moment: string, time: string): string {
  const full = moment.includes('T') ? moment : `${moment}T${time}Z`;
  return `${new Date(full).toISOString().slice(0, 19)}+00:00`;
}

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
