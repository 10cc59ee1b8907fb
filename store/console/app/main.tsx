import { render } from 'preact';
import { App } from './app.tsx';
import { loadSession } from './state.ts';
import './style.css';

const place = document.getElementById('app');
if (place !== null) render(<App />, place);
void loadSession();
