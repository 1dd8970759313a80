"""A parcel loads nothing until it is opened."""

import pickle
import subprocess
import sys

from slomo_batch.scheduler.parcel import Parcel
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment

ENVIRONMENT = JobEnvironment(work_uri=Uri("memory"), job="job")


def test_a_parcel_has_the_same_contents_where_it_is_sent_and_where_it_arrives() -> None:
    arrived = pickle.loads(pickle.dumps(Parcel(ENVIRONMENT)))
    assert Parcel(ENVIRONMENT).open() == ENVIRONMENT == arrived.open() == arrived.open()
    assert pickle.loads(pickle.dumps(arrived)).open() == ENVIRONMENT


def test_a_parcel_arrives_without_loading_the_modules_of_what_it_holds() -> None:
    code = (
        "import pickle, sys; parcel = pickle.load(sys.stdin.buffer); print('slomo_batch.wiring' in sys.modules);"
        "parcel.open(); print('slomo_batch.wiring' in sys.modules)"
    )
    sent = pickle.dumps(Parcel(ENVIRONMENT))
    said = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=True).stdout
    assert said.split() == [b"False", b"True"]
