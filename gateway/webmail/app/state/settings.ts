import { call } from '../jmap/request.ts';
import type { SetError } from '../jmap/types.ts';

/** Settings of the store by name (docs/webmail.md); a family such as `sieve` gives all of its own. @throws RequestFailed, MethodFailed */
export async function getSettings(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { list } = await call<{ list: readonly { name: string; value: string }[] }>('Setting/get', { names });
  return new Map(list.map(({ name, value }) => [name, value]));
}

/** Why the store does not take a setting, in its own words. */
export class SettingRefused extends Error {
  readonly type: string;
  constructor({ type, description }: SetError) {
    super(description ?? type);
    this.name = 'SettingRefused';
    this.type = type;
  }
}

/** Writes settings one after the other; null removes one. @throws SettingRefused, RequestFailed, MethodFailed */
export async function setSettings(update: Readonly<Record<string, string | null>>): Promise<void> {
  const { notUpdated } = await call<{ notUpdated: Readonly<Record<string, SetError>> | null }>('Setting/set', {
    update,
  });
  const [refused] = Object.values(notUpdated ?? {});
  if (refused !== undefined) throw new SettingRefused(refused);
}

export function readJson<T>(text: string | undefined): Partial<T> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Partial<T>) : {};
  } catch {
    return {};
  }
}
