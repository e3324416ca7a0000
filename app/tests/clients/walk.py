"""The main job by the generated client for Python: signs in, adds coaches and a job, reads the ranked candidates page by
page, and gets a problem that says what is wrong. Prints what it saw as JSON, for the test to compare."""

import json
import os

from fit_hire_client import AuthenticatedClient, Client
from fit_hire_client.api.coaches import create_coach
from fit_hire_client.api.jobs import change_job, create_job, list_jobs
from fit_hire_client.api.matching import list_candidates
from fit_hire_client.api.organisation import list_brands, list_locations
from fit_hire_client.api.sign_in import create_token
from fit_hire_client.models import (
    AccessToken,
    CandidatePage,
    Coach,
    CoachFacts,
    CoachPosition,
    Credentials,
    Job,
    JobChange,
    JobFacts,
    NewCoach,
    NewJob,
    Problem,
)
from fit_hire_client.types import UNSET

url = os.environ["FITHIRE_URL"]
anybody = Client(url)
credentials = Credentials(os.environ["FITHIRE_EMAIL"], os.environ["FITHIRE_PASSWORD"])
token = create_token.sync(client=anybody, body=credentials)
assert isinstance(token, AccessToken), token
api = AuthenticatedClient(url, token.access_token)

brand = list_brands.sync(client=api).items[0]
location = list_locations.sync(brand.id, client=api).items[0]

# The first has taught longest and fits best.
for year in range(2016, 2023):
    facts = CoachFacts(positions=[CoachPosition("hiit", f"{year}-01-01")])
    coach = create_coach.sync(client=api, body=NewCoach(f"Coach of {year}", facts=facts))
    assert isinstance(coach, Coach), coach
wanted = JobFacts(modality="hiit", min_years=8.0)
job = create_job.sync(client=api, body=NewJob(location.id, "HIIT at noon", threshold=0.0, facts=wanted))
assert isinstance(job, Job), job

candidates = []
cursor = UNSET
pages = 0
while cursor is not None:
    page = list_candidates.sync(job.id, client=api, limit=3, cursor=cursor)
    assert isinstance(page, CandidatePage), page
    candidates += page.candidates
    cursor = page.next_cursor or None
    pages += 1

answer = change_job.sync_detailed(job.id, client=api, body=JobChange(threshold=2.0))
problem = answer.parsed
assert isinstance(problem, Problem), problem
refused = list_jobs.sync(client=AuthenticatedClient(url, "nobody's"))
assert isinstance(refused, Problem), refused

print(
    json.dumps(
        {
            "job": job.id,
            "pages": pages,
            "candidates": [[one.coach_id, one.fitscore] for one in candidates],
            "problem": [answer.status_code, problem.code, problem.errors[0].pointer],
            "refused": refused.code,
        }
    )
)
