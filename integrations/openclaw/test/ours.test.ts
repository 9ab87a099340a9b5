import { showFeatures } from "./harness/suite.ts";

showFeatures("ours");
