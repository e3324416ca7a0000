# pip install openapi-python-client
# openapi-python-client generate --url "$FITHIRE_URL/api/v1/openapi.json" --meta none && python quickstart.py
import os
from fit_hire_client import AuthenticatedClient
from fit_hire_client.api.jobs import list_jobs
from fit_hire_client.api.matching import list_candidates
client = AuthenticatedClient(os.environ["FITHIRE_URL"], os.environ["FITHIRE_KEY"])
for one in list_candidates.sync(list_jobs.sync(client=client).items[0].id, client=client).candidates:
    print(one.fitscore, one.name)
