// What every verb of the command line shares: where text goes, and the four exit codes.
// Data goes to stdout, everything else to stderr.

/** 0 yes, 1 no, 2 usage, 3 could not find out. */
export type ExitCode = 0 | 1 | 2 | 3;

export interface Terminal {
  /** One line of data, to stdout. */
  out(line: string): void;
  /** One line for people, to stderr. */
  err(line: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends the verb: sets the process's exit code once everything pending has been written. */
  exit(code: ExitCode): void;
}
