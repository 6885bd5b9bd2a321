async def test_a_record_comes_through_all_four_servers(consumer):
    traced = await consumer.pds("9990000018")
    assert traced.status_code == 200
    ods = traced.json()["generalPractitioner"][0]["identifier"]["value"]
    answer = await consumer.record("9990000018", ods=ods)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/fhir+json;charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.json()["id"] == answer.request.headers["ssp-traceid"]
    assert [call.upstream for call in consumer.sandbox.calls] == [
        "token",
        "pds",
        "sds",
        "sds",
        "proxy",
        "practice",
    ]
    assert not any(call.remarks for call in consumer.sandbox.calls)
