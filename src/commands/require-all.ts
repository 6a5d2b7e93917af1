/** Refuses to start where capture cannot work, naming the first thing that is missing. */
import { checkRequirements, readHostState } from '../discover/requirements.ts';

/** @throws AgentError */
export function requireAll(): void {
  const [first] = checkRequirements(readHostState());
  if (first !== undefined) throw first;
}
