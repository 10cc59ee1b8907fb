import { Field } from '../../components/form.tsx';
import { t } from '../../i18n.ts';

/** Asked for anew with each change of how one signs in, or where mail goes. */
export function Proof(props: { on: boolean; label?: string }) {
  return (
    <>
      <Field
        label={props.label ?? t('Password')}
        name="password"
        type="password"
        autocomplete="current-password"
        required
      />
      {props.on && <Field label={t('Code')} name="code" inputMode="numeric" autocomplete="one-time-code" required />}
    </>
  );
}
