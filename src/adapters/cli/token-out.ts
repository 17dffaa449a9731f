// `token --out FILE` and `--watch`: the token in a file, whole at every moment, for whoever reads federated token files
// (AZURE_FEDERATED_TOKEN_FILE, AWS_WEB_IDENTITY_TOKEN_FILE, the file source of an external_account). Renews it ahead of its end until it is
// told to stop. A first question that fails ends it, so that a pod that can have no token crashes in sight; later the old file stays (F-54).
// Writes nothing of a token anywhere else.

import {
  WATCH_LIFE_SECONDS,
  WATCH_LOOK_MS,
  WATCH_REFUSED_MS,
  WATCH_RENEWAL_SHARE_MAX,
  WATCH_RENEWAL_SHARE_MIN,
  WATCH_RETRY_MS_MAX,
  WATCH_RETRY_MS_MIN,
} from '../../core/limits-outside.ts';
import type { Ended } from './broker-caller.ts';
import { escaped } from './shown.ts';
import { instant } from './table.ts';
import type { Answered } from './token-broker.ts';

/** What the file is kept by. */
export interface OutTools {
  readonly nowSeconds: () => number;
  /** Never goes back, and may stand still while the machine sleeps. */
  readonly elapsedMs: () => number;
  /** At least 0, less than 1. */
  readonly random: () => number;
  /** Replaces the file durably; or gives why not, and then the old one stands. Never rejects. */
  readonly writeFile: (path: string, text: string, mode: number) => Promise<string | undefined>;
  /** Ends early where the signal says so; never rejects. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly onSignal: (handlers: { readonly stop: () => void; readonly reload: () => void }) => void;
}

export interface OutOrder {
  readonly file: string;
  readonly mode: number;
  readonly ask: () => Promise<Answered>;
  /** The file's whole text. */
  readonly textOf: (answer: Granted) => string;
}

type Granted = Extract<Answered, { answer: 'token' }>;
type Written =
  | { readonly ok: true; readonly lifeSeconds: number }
  /** `name` is the same for as long as the same is wrong. */
  | { readonly ok: false; readonly exit: 1 | 3; readonly says: readonly string[]; readonly name: string };

/** The permissions of a file that nobody else may write, from octal digits; undefined for all others. */
export function fileMode(digits: string): number | undefined {
  const mode = /^0?[0-7]{3}$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  return (mode & 0o600) >= 0o400 && (mode & ~0o644) === 0 ? mode : undefined;
}

/** Asks once and writes the file. */
export async function writeOnce(tools: OutTools, order: OutOrder): Promise<Ended> {
  const written = await write(tools, order);
  return written.ok ? { exit: 0, says: [] } : written;
}

/** Keeps the file fresh until a signal to stop (exit 0). One to reload renews at once. */
export async function keepFresh(tools: OutTools, order: OutOrder, say: (line: string) => void): Promise<Ended> {
  const waiter = createWaiter(tools);
  const first = await write(tools, order);
  if (!first.ok) return first;
  const file = escaped(order.file);
  say(`${file}: written, good until ${instant(tools.nowSeconds() + first.lifeSeconds)}; renewed ahead of that`);
  let wrong: { readonly name: string; readonly times: number } | undefined;
  let waitMs = renewalMs(tools, first.lifeSeconds);
  while (await waiter.wait(waitMs)) {
    const written = await write(tools, order);
    if (written.ok) {
      if (wrong) say(`${file}: renewed again`);
      wrong = undefined;
      waitMs = renewalMs(tools, written.lifeSeconds);
    } else {
      if (wrong?.name !== written.name) for (const line of written.says) say(line);
      wrong = { name: written.name, times: (wrong?.times ?? 0) + 1 };
      waitMs = written.exit === 1 ? jittered(tools, WATCH_REFUSED_MS) : retryMs(tools, wrong.times);
    }
  }
  return { exit: 0, says: [] };
}

async function write(tools: OutTools, { file, mode, ask, textOf }: OutOrder): Promise<Written> {
  const answered = await ask();
  switch (answered.answer) {
    case 'token': {
      const problem = await tools.writeFile(file, textOf(answered), mode);
      return problem === undefined
        ? { ok: true, lifeSeconds: lifeOf(answered) }
        : unwritten(`${escaped(file)}: ${problem}`);
    }
    case 'refused': {
      const { sentence, hints = [] } = answered;
      return { ok: false, exit: 1, says: [sentence, ...hints], name: withoutDecision(sentence) };
    }
    case 'would_grant':
      return unwritten('the broker has only said what it would grant');
    case 'unknown':
      return unwritten(answered.problem);
  }
}

const unwritten = (problem: string): Written => ({
  ok: false,
  exit: 3,
  says: [problem],
  name: withoutDecision(problem),
});

/** Every refusal has a decision id of its own behind it. */
const withoutDecision = (sentence: string): string => sentence.replace(/ [0-9A-Z]{26}$/, '');

function lifeOf({ whole }: Granted): number {
  const { expires_in: seconds } = whole;
  return typeof seconds === 'number' && seconds > 0 ? seconds : WATCH_LIFE_SECONDS;
}

const renewalMs = ({ random }: OutTools, lifeSeconds: number): number =>
  lifeSeconds * 1_000 * (WATCH_RENEWAL_SHARE_MIN + (WATCH_RENEWAL_SHARE_MAX - WATCH_RENEWAL_SHARE_MIN) * random());

/** Between half of it and all of it. */
const jittered = ({ random }: OutTools, milliseconds: number): number => (milliseconds * (1 + random())) / 2;

const retryMs = (tools: OutTools, times: number): number =>
  jittered(tools, Math.min(WATCH_RETRY_MS_MIN * 2 ** Math.min(times - 1, 16), WATCH_RETRY_MS_MAX));

/** Waits by both clocks, whichever is there first. Gives false where it is time to stop. */
function createWaiter({ nowSeconds, elapsedMs, pause, onSignal }: OutTools) {
  let isStopped = false;
  let isWoken = false;
  let waking = new AbortController();
  const wake = () => {
    isWoken = true;
    waking.abort();
  };
  onSignal({
    stop() {
      isStopped = true;
      wake();
    },
    reload: wake,
  });
  return {
    async wait(milliseconds: number): Promise<boolean> {
      const until = { elapsedMs: elapsedMs() + milliseconds, nowMs: nowSeconds() * 1_000 + milliseconds };
      for (;;) {
        const leftMs = Math.min(until.elapsedMs - elapsedMs(), until.nowMs - nowSeconds() * 1_000);
        if (isWoken || leftMs <= 0) break;
        await pause(Math.min(leftMs, WATCH_LOOK_MS), waking.signal);
      }
      isWoken = false;
      waking = new AbortController();
      return !isStopped;
    },
  };
}
