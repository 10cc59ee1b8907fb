import { useEffect, useMemo, useState } from 'preact/hooks';
import { encode } from 'uqr';
import { Spinner } from '../components/button.tsx';
import { confirmFirst, Dialog } from '../components/dialog.tsx';
import { SessionList } from '../components/sessions-dialog.tsx';
import { formatDate, t } from '../i18n/i18n.ts';
import { account } from '../state/account.ts';
import { failed } from '../state/failed.ts';
import { getSettings, readJson, SettingRefused, setSettings } from '../state/settings.ts';
import { showToast } from '../state/toasts.ts';
import { onForm, ProofFields, Section } from './parts.tsx';
import { makeAppPassword, makeFactor } from './random-signs.ts';

interface AppPassword {
  readonly name: string;
  readonly label: string;
  readonly services: readonly string[];
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | null;
}

/** Second factor, app passwords, sessions. */
export function SecurityPage() {
  const [hasFactor, setHasFactor] = useState<boolean | undefined>(undefined);
  const [passwords, setPasswords] = useState<readonly AppPassword[]>([]);
  const load = (): void => {
    getSettings(['second-factor', 'app-password']).then((found) => {
      setHasFactor(readJson<{ on: boolean }>(found.get('second-factor')).on === true);
      setPasswords(
        [...found].flatMap(([name, value]) => {
          if (!name.startsWith('app-password/')) return [];
          const { label = '', services = [], createdAtMs = 0, lastUsedAtMs = null } = readJson<AppPassword>(value);
          return [{ name: name.slice('app-password/'.length), label, services, createdAtMs, lastUsedAtMs }];
        }),
      );
    }, failed);
  };
  useEffect(load, []);
  if (hasFactor === undefined) return <Spinner label={t('app.loading')} />;
  return (
    <>
      <SecondFactor on={hasFactor} onChange={load} />
      <AppPasswords list={passwords} withCode={hasFactor} onChange={load} />
      <Section title={t('sessions.title')}>
        <SessionList />
      </Section>
    </>
  );
}

function SecondFactor({ on, onChange }: { readonly on: boolean; readonly onChange: () => void }) {
  const [open, setOpen] = useState(false);
  return (
    <Section title={t('settings.factor')} hint={t(on ? 'settings.factorIsOn' : 'settings.factorHint')}>
      <button type="button" class="button" onClick={() => setOpen(true)}>
        {t(on ? 'settings.factorRemove' : 'settings.factorSetUp')}
      </button>
      {open && (
        <FactorDialog
          on={on}
          onClose={() => {
            setOpen(false);
            onChange();
          }}
        />
      )}
    </Section>
  );
}

function FactorDialog({ on, onClose }: { readonly on: boolean; readonly onClose: () => void }) {
  const [problem, setProblem] = useState('');
  const { secret, uri } = useMemo(() => makeFactor(account.value?.user ?? ''), []);
  const save = async (field: (name: string) => string): Promise<void> => {
    const code = (name: string): string => field(name).replaceAll(' ', '');
    const password = field('password');
    const request = on ? { password, code: code('code'), off: true } : { password, secret, newCode: code('newCode') };
    const why = await refusalOf({ 'second-factor': JSON.stringify(request) });
    setProblem(why);
    if (why !== '') return;
    showToast({ kind: 'done', text: t(on ? 'settings.factorRemoved' : 'settings.factorDone') });
    onClose();
  };
  return (
    <Dialog title={t(on ? 'settings.factorRemove' : 'settings.factorSetUp')} onClose={onClose}>
      <form class="settings-form" onSubmit={onForm((field) => void save(field).catch(failed))}>
        {!on && (
          <>
            <p>{t('settings.factorScan')}</p>
            <QrCode text={uri} />
            <p class="settings-secret">
              <span class="quiet">{t('settings.factorKey')}</span> <code>{secret.replace(/(.{4})(?=.)/g, '$1 ')}</code>
            </p>
            <label class="field">
              {t('settings.factorCode')}
              <input name="newCode" inputMode="numeric" autocomplete="one-time-code" required />
            </label>
          </>
        )}
        <ProofFields withCode={on} />
        <p class="problem" role="alert">
          {problem}
        </p>
        <div class="dialog-actions">
          <button type="submit" class={`button ${on ? 'button-danger' : 'button-primary'}`}>
            {t(on ? 'settings.factorRemove' : 'settings.factorTurnOn')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Made here: the secret is told to nobody who draws pictures. */
function QrCode({ text }: { readonly text: string }) {
  const { data, size } = useMemo(() => encode(text, { ecc: 'M', border: 4 }), [text]);
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return (
    <svg class="qr-code" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={t('settings.factorQr')}>
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" shape-rendering="crispEdges" />
    </svg>
  );
}

const SERVICES = ['imap', 'submission', 'pop3', 'sieve'] as const;

function AppPasswords(props: {
  readonly list: readonly AppPassword[];
  readonly withCode: boolean;
  readonly onChange: () => void;
}) {
  const [open, setOpen] = useState(false);
  const revoke = async ({ name, label }: AppPassword): Promise<void> => {
    if (!(await confirmFirst(t('settings.appRevokeText', { name: label }), t('settings.revoke')))) return;
    await setSettings({ [`app-password/${name}`]: null });
    props.onChange();
  };
  return (
    <Section title={t('settings.appPasswords')} hint={t('settings.appHint')}>
      <ul class="plain-list">
        {props.list.map((each) => (
          <li key={each.name} class="settings-row">
            <span>
              <strong>{each.label}</strong>
              <span class="quiet">
                {each.services.join(', ')} ·{' '}
                {each.lastUsedAtMs === null
                  ? t('settings.appNeverUsed')
                  : t('settings.appUsed', { date: formatDate(new Date(each.lastUsedAtMs).toISOString()) })}
              </span>
            </span>
            <button
              type="button"
              class="button"
              aria-label={t('settings.revokeOf', { name: each.label })}
              onClick={() => void revoke(each).catch(failed)}
            >
              {t('settings.revoke')}
            </button>
          </li>
        ))}
      </ul>
      <button type="button" class="button" onClick={() => setOpen(true)}>
        {t('settings.appNew')}
      </button>
      {open && (
        <AppPasswordDialog
          withCode={props.withCode}
          onClose={() => {
            setOpen(false);
            props.onChange();
          }}
        />
      )}
    </Section>
  );
}

function AppPasswordDialog({ withCode, onClose }: { readonly withCode: boolean; readonly onClose: () => void }) {
  const [problem, setProblem] = useState('');
  const [made, setMade] = useState('');
  const save = async (field: (name: string) => string): Promise<void> => {
    const services = SERVICES.filter((each) => field(each) !== '');
    if (services.length === 0) return setProblem(t('settings.appNoService'));
    const { name, password: appPassword } = makeAppPassword();
    const code = field('code').replaceAll(' ', '');
    const request = { password: field('password'), code, label: field('label').trim(), services, appPassword };
    const why = await refusalOf({ [`app-password/${name}`]: JSON.stringify(request) });
    setProblem(why);
    if (why === '') setMade(appPassword);
  };
  if (made !== '') {
    return (
      <Dialog title={t('settings.appNew')} onClose={onClose}>
        <p>{t('settings.appOnce')}</p>
        <p class="settings-secret">
          <code class="app-password">{made}</code>
        </p>
        <div class="dialog-actions">
          <button type="button" class="button button-primary" onClick={onClose}>
            {t('settings.appNoted')}
          </button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title={t('settings.appNew')} onClose={onClose}>
      <form class="settings-form" onSubmit={onForm((field) => void save(field).catch(failed))}>
        <label class="field">
          {t('settings.appLabel')}
          <input name="label" required maxLength={60} />
        </label>
        <fieldset class="settings-group">
          <legend>{t('settings.appServices')}</legend>
          {SERVICES.map((each, index) => (
            <label key={each} class="switch">
              <input type="checkbox" name={each} defaultChecked={index < 2} />
              {t(`settings.service.${each}`)}
            </label>
          ))}
        </fieldset>
        <ProofFields withCode={withCode} />
        <p class="problem" role="alert">
          {problem}
        </p>
        <div class="dialog-actions">
          <button type="submit" class="button button-primary">
            {t('settings.appMake')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Why the store refuses, empty when it does not; a wrong password and a wrong code are one. */
async function refusalOf(update: Readonly<Record<string, string>>): Promise<string> {
  try {
    await setSettings(update);
    return '';
  } catch (error) {
    if (!(error instanceof SettingRefused)) throw error;
    return error.type === 'forbidden' ? t('settings.wrongProof') : error.message;
  }
}
