import type { ComponentChildren } from 'preact';
import { t } from '../i18n/i18n.ts';

/** One matter of a page, with its heading. */
export function Section({
  title,
  hint,
  children,
}: {
  readonly title: string;
  readonly hint?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <section class="settings-section">
      <h2>{title}</h2>
      {hint !== undefined && <p class="quiet">{hint}</p>}
      {children}
    </section>
  );
}

/** In place of what could not be read. */
export function Unread(props: { readonly title: string; readonly why: string; readonly onRetry: () => void }) {
  return (
    <Section title={props.title}>
      <p role="alert">{t('app.failed', { why: props.why })}</p>
      <button type="button" class="button" onClick={props.onRetry}>
        {t('app.retry')}
      </button>
    </Section>
  );
}

export function Choice<T extends string>(props: {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, label: string])[];
  readonly onChange: (value: T) => void;
}) {
  return (
    <label class="field">
      {props.label}
      <select value={props.value} onChange={(event) => props.onChange(event.currentTarget.value as T)}>
        {props.options.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Switch(props: {
  readonly label: string;
  readonly on: boolean;
  readonly onChange: (on: boolean) => void;
}) {
  return (
    <label class="switch">
      <input type="checkbox" checked={props.on} onChange={(event) => props.onChange(event.currentTarget.checked)} />
      {props.label}
    </label>
  );
}

/** Password, and the code where there is a second factor: changes that matter ask anew (docs/sign-in.md). */
export function ProofFields({ withCode }: { readonly withCode: boolean }) {
  return (
    <>
      <label class="field">
        {t('settings.password')}
        <input name="password" type="password" autocomplete="current-password" required />
      </label>
      {withCode && (
        <label class="field">
          {t('signIn.code')}
          <input name="code" inputMode="numeric" autocomplete="one-time-code" required aria-describedby="code-once" />
          <span id="code-once" class="field-hint">
            {t('settings.codeOnce')}
          </span>
        </label>
      )}
    </>
  );
}

/** The end of a form: what is wrong with it, and the key that saves it. */
export function FormEnd({ problem }: { readonly problem: string }) {
  return (
    <>
      <p class="problem" role="alert">
        {problem}
      </p>
      <div class="dialog-actions">
        <button type="submit" class="button button-primary">
          {t('settings.save')}
        </button>
      </div>
    </>
  );
}

/** What a form holds; runs `submit` with it, and stays as it is meanwhile. */
export const onForm =
  (submit: (field: (name: string) => string) => void) =>
  (event: Event): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    submit((name) => String(form.get(name) ?? ''));
  };
