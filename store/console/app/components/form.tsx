import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { Refusal } from '../api.ts';
import { t } from '../i18n.ts';
import { sentenceOf } from '../state.ts';

export type Values = Record<string, string>;

/** A form that sends once at a time, and tells a refusal where it belongs. */
export function Form(props: {
  submit: (values: Values) => Promise<unknown>;
  label: string;
  danger?: boolean;
  onCancel?: () => void;
  children: ComponentChildren;
}) {
  const [refusal, setRefusal] = useState<string>();
  const [busy, setBusy] = useState(false);
  const send = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
    for (const box of form.querySelectorAll<HTMLInputElement>('input[type=checkbox][name]')) {
      values[box.name] = box.checked ? 'true' : '';
    }
    setBusy(true);
    setRefusal(undefined);
    try {
      await props.submit(values);
    } catch (error) {
      setRefusal(sentenceOf(error));
      if (error instanceof Refusal && error.field !== undefined) {
        form.querySelector<HTMLElement>(`[name="${CSS.escape(error.field)}"]`)?.focus();
      }
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={send}>
      {props.children}
      <p class="refusal" role="alert">
        {refusal}
      </p>
      <div class="actions">
        {props.onCancel && (
          <button type="button" onClick={props.onCancel}>
            {t('Cancel')}
          </button>
        )}
        <button type="submit" class={props.danger === true ? 'danger' : 'primary'} disabled={busy}>
          {props.label}
        </button>
      </div>
    </form>
  );
}

export function Field(props: {
  label: string;
  name: string;
  value?: string | number | undefined;
  type?: 'text' | 'email' | 'password' | 'date';
  hint?: string;
  required?: boolean;
  autocomplete?: string;
  inputMode?: 'numeric' | 'email';
  rows?: number;
}) {
  const id = useId();
  const common = {
    id,
    name: props.name,
    required: props.required ?? false,
    'aria-describedby': props.hint === undefined ? undefined : `${id}-hint`,
  };
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {props.rows === undefined ? (
        <input
          {...common}
          type={(props.type ?? 'text') as 'text'}
          defaultValue={props.value === undefined ? '' : String(props.value)}
          autocomplete={(props.autocomplete ?? 'off') as 'off'}
          inputMode={props.inputMode}
          spellcheck={false}
        />
      ) : (
        <textarea {...common} rows={props.rows} defaultValue={String(props.value ?? '')} spellcheck={false} />
      )}
      {props.hint !== undefined && <small id={`${id}-hint`}>{props.hint}</small>}
    </div>
  );
}

export function Check(props: { label: string; name: string; checked: boolean; hint?: string }) {
  const id = useId();
  return (
    <div class="check">
      <input id={id} type="checkbox" name={props.name} defaultChecked={props.checked} />
      <label for={id}>{props.label}</label>
      {props.hint !== undefined && <small>{props.hint}</small>}
    </div>
  );
}

export function Choice(props: {
  label: string;
  name: string;
  value?: string;
  options: readonly (readonly [string, string])[];
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <select id={id} name={props.name}>
        {props.options.map(([value, text]) => (
          <option key={value} value={value} selected={value === (props.value ?? '')}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

/** Words of a text area: separated by spaces, commas or lines. */
export const words = (text: string | undefined): string[] =>
  (text ?? '').split(/[\s,;]+/).filter((word) => word !== '');

/** `500 MB`, `2 GB`, or octets; 0 is no limit. NaN when it is none of these. */
export function readOctets(text: string): number {
  const match = /^\s*(\d+(?:[.,]\d+)?)?\s*([kMGT]?)B?\s*$/i.exec(text);
  if (match === null) return Number.NaN;
  const power = 'kmgt'.indexOf((match[2] ?? '').toLowerCase()) + 1;
  return Math.round(Number((match[1] ?? '0').replace(',', '.')) * 1000 ** (match[2] === '' ? 0 : power));
}
