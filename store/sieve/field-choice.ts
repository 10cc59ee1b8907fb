import type { Call } from './call.ts';
import type { HeaderField } from './message.ts';

/** Which of the fields of one name are looked at. */
export type FieldChoice = (fields: readonly HeaderField[]) => readonly HeaderField[];

/** RFC 5260 §6: `:index` counts fields of a name from 1, `:last` from the end; all of them without. */
export function fieldsAt(call: Call): FieldChoice {
  const index = call.tagNumber('index');
  if (index === undefined) return call.has('last') ? call.fail(':last asks for :index') : (fields) => fields;
  if (index < 1) call.fail(':index counts from 1');
  const fromEnd = call.has('last');
  return (fields) => {
    const field = fromEnd ? fields.at(-index) : fields[index - 1];
    return field === undefined ? [] : [field];
  };
}
