// What a load has read, by hash: so that a change between reading a file and watching it is noticed (F-35).
// It holds no text, and reads only what the load had read.

import { createHash } from 'node:crypto';
import type { ConfigFiles } from './files.ts';

/** Files that remember what they gave. */
export interface RecordedFiles extends ConfigFiles {
  /** Whether everything that was read or listed would be given again, byte for byte; false where it cannot be told. */
  stillAsRead(): boolean;
}

export function recordFiles(files: ConfigFiles): RecordedFiles {
  const texts = new Map<string, string>();
  const lists = new Map<string, string>();
  const listOf = (path: string) => files.list(path);
  return Object.freeze({
    read(path: string) {
      const text = files.read(path);
      texts.set(path, hashOf(text));
      return text;
    },
    probe: (path: string) => files.probe(path),
    list(path: string) {
      const found = listOf(path);
      lists.set(path, JSON.stringify(found));
      return found;
    },
    stillAsRead() {
      try {
        return (
          [...lists].every(([path, found]) => JSON.stringify(listOf(path)) === found) &&
          [...texts].every(([path, hash]) => hashOf(files.read(path)) === hash)
        );
      } catch {
        return false;
      }
    },
  });
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
