import com.google.gson.Gson;
import com.tencentcloudapi.common.Credential;
import com.tencentcloudapi.common.exception.TencentCloudSDKException;
import com.tencentcloudapi.common.profile.ClientProfile;
import com.tencentcloudapi.common.profile.HttpProfile;
import com.tencentcloudapi.sms.v20210111.SmsClient;
import com.tencentcloudapi.sms.v20210111.models.PullSmsSendStatus;
import com.tencentcloudapi.sms.v20210111.models.PullSmsSendStatusByPhoneNumberRequest;
import com.tencentcloudapi.sms.v20210111.models.PullSmsSendStatusRequest;
import com.tencentcloudapi.sms.v20210111.models.SendSmsRequest;
import com.tencentcloudapi.sms.v20210111.models.SendSmsResponse;
import com.tencentcloudapi.sms.v20210111.models.SendStatus;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Drives Tencent Cloud's Java SDK: takes calls in lines of JSON and tells in lines of JSON what it gave. */
public class Tencent {
    static class Call {
        String endpoint, id, secret, app, sign, template, session, method, algorithm;
        @com.google.gson.annotations.SerializedName("do")
        String what;
        String[] to, params;
        long since;
    }

    static class Status {
        String serial, to, session, code, message;
        long fee;
    }

    static class Told {
        String thrown, message;
        List<Status> numbers = new ArrayList<>();
    }

    public static void main(String[] args) throws Exception {
        Gson gson = new Gson();
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Told told;
            try {
                told = run(gson.fromJson(line, Call.class));
            } catch (TencentCloudSDKException e) {
                told = new Told();
                told.thrown = e.getErrorCode();
                told.message = e.getMessage();
            }
            out.println(gson.toJson(told));
        }
    }

    static Told run(Call c) throws TencentCloudSDKException {
        HttpProfile http = new HttpProfile();
        http.setEndpoint(c.endpoint); // host:port
        http.setProtocol(HttpProfile.REQ_HTTP); // only where there is no TLS
        if (c.method != null) {
            http.setReqMethod(c.method);
        }
        ClientProfile profile = new ClientProfile();
        profile.setHttpProfile(http);
        if (c.algorithm != null) {
            profile.setSignMethod(c.algorithm);
        }
        SmsClient client = new SmsClient(new Credential(c.id, c.secret), "ap-guangzhou", profile);
        Told told = new Told();
        switch (c.what) {
            case "send": {
                SendSmsRequest request = new SendSmsRequest();
                request.setSmsSdkAppId(c.app);
                request.setSignName(c.sign);
                request.setTemplateId(c.template);
                request.setPhoneNumberSet(c.to);
                request.setTemplateParamSet(c.params);
                request.setSessionContext(c.session);
                SendSmsResponse response = client.SendSms(request);
                for (SendStatus s : response.getSendStatusSet()) {
                    Status x = new Status();
                    x.serial = s.getSerialNo();
                    x.to = s.getPhoneNumber();
                    x.fee = s.getFee();
                    x.session = s.getSessionContext();
                    x.code = s.getCode();
                    x.message = s.getMessage();
                    told.numbers.add(x);
                }
                return told;
            }
            case "reports": {
                PullSmsSendStatusRequest request = new PullSmsSendStatusRequest();
                request.setSmsSdkAppId(c.app);
                request.setLimit(100L);
                return told(client.PullSmsSendStatus(request).getPullSmsSendStatusSet());
            }
            default: {
                PullSmsSendStatusByPhoneNumberRequest request = new PullSmsSendStatusByPhoneNumberRequest();
                request.setSmsSdkAppId(c.app);
                request.setPhoneNumber(c.to[0]);
                request.setBeginTime(c.since);
                request.setOffset(0L);
                request.setLimit(10L);
                return told(client.PullSmsSendStatusByPhoneNumber(request).getPullSmsSendStatusSet());
            }
        }
    }

    static Told told(PullSmsSendStatus[] list) {
        Told told = new Told();
        for (PullSmsSendStatus s : list) {
            Status x = new Status();
            x.serial = s.getSerialNo();
            x.to = s.getPhoneNumber();
            x.session = s.getSessionContext();
            x.code = s.getReportStatus();
            x.message = s.getDescription();
            told.numbers.add(x);
        }
        return told;
    }
}
