// The thread that compileTextsApart starts: takes the texts, gives back what they compile to, and ends.
// It reads nothing and keeps nothing.

import { parentPort, workerData } from 'node:worker_threads';
import { compileTexts } from './compile-texts.ts';

parentPort?.postMessage(compileTexts(workerData));
