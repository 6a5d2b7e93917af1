/** One thing that the set-up can do. */
export interface Step {
  /** What it provides, for the line that says it is being done. */
  readonly title: string;
  /** Cheap: decides whether a prepared machine starts at once. */
  isDone(): boolean;
  run(): Promise<void>;
}
